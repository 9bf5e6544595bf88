//! [`Queue`]: jobs that wait, in order of priority and arrival.

use super::{Job, JobId};

/// Waiting jobs. A plain list: queues of a game are short, and cancelling needs to reach into the middle.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    /// Next one first.
    waiting: Vec<(JobId, Job)>,
}

impl Queue {
    /// A queue that holds at most `capacity` jobs.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            waiting: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Puts a job behind all of its own or higher priority.
    pub(super) fn push(&mut self, id: JobId, job: Job) {
        let place = self
            .waiting
            .partition_point(|(_, other)| other.priority >= job.priority);
        self.waiting.insert(place, (id, job));
    }

    /// Takes the next job out.
    pub(super) fn pop(&mut self) -> Option<(JobId, Job)> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// Takes the next job out, and behind it those that go with it; nothing of an empty queue.
    pub(super) fn pop_together(&mut self) -> Vec<(JobId, Job)> {
        let Some((id, first)) = self.pop() else {
            return Vec::new();
        };
        let with_it = self.waiting.extract_if(.., |(_, job)| first.goes_with(job));
        let others: Vec<_> = with_it.collect();
        std::iter::once((id, first)).chain(others).collect()
    }

    /// Takes a job out; tells whether it was there.
    pub(super) fn remove(&mut self, id: JobId) -> bool {
        let before = self.len();
        self.waiting.retain(|(other, _)| *other != id);
        self.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::super::Priority;
    use super::*;

    fn queue(priorities: &[Priority]) -> Queue {
        let mut queue = Queue::new(8);
        for (id, &priority) in (1..).zip(priorities) {
            queue.push(
                JobId(id),
                Job {
                    priority,
                    ..Job::new(Vec::new())
                },
            );
        }
        queue
    }

    fn order(mut queue: Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop())
            .map(|(id, _)| id.0)
            .collect()
    }

    #[test]
    fn higher_priorities_go_first_and_equal_ones_in_order_of_arrival() {
        use Priority::{High, Low, Normal};
        assert_eq!(
            order(queue(&[Normal, Low, High, Normal, High])),
            [3, 5, 1, 4, 2]
        );
    }

    #[test]
    fn a_removed_job_never_comes_up() {
        let mut queue = queue(&[Priority::Normal; 3]);
        assert!(queue.remove(JobId(2)));
        assert!(!queue.remove(JobId(2)));
        assert_eq!(order(queue), [1, 3]);
    }

    #[test]
    fn jobs_of_a_batch_come_together_in_order_if_they_are_of_one_kind() {
        let member = |batch| Job {
            batch: Some(batch),
            ..Job::new(Vec::new())
        };
        let mut queue = Queue::new(8);
        let finer = Job {
            resolution: 128,
            ..member(7)
        };
        let jobs = [member(7), Job::new(Vec::new()), member(8), member(7), finer];
        for (id, job) in (1..).zip(jobs) {
            queue.push(JobId(id), job);
        }
        let turns = std::iter::repeat_with(|| queue.pop_together())
            .take_while(|together| !together.is_empty())
            .map(|together| together.iter().map(|(id, _)| id.0).collect());
        assert_eq!(
            turns.collect::<Vec<Vec<u64>>>(),
            [vec![1, 4], vec![2], vec![3], vec![5]]
        );
    }

    #[test]
    fn a_queue_is_full_at_its_capacity() {
        let mut queue = queue(&[Priority::Normal; 7]);
        assert!(!queue.is_full());
        queue.push(JobId(8), Job::new(Vec::new()));
        assert!(queue.is_full());
    }
}
