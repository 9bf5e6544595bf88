//! [`BackendPool`]: backends that stay loaded between requests.

use std::collections::BTreeMap;

use super::{Backend, BackendChoice, BackendError, Backends};

/// Started backends by name. A backend is started when it is first asked for and kept until it is discarded, so
/// that weights are loaded once, whether it was chosen by name or by auto.
pub struct BackendPool {
    backends: Backends,
    running: BTreeMap<&'static str, Box<dyn Backend>>,
}

impl BackendPool {
    /// A pool that has started nothing yet.
    #[must_use]
    pub fn new(backends: Backends) -> Self {
        Self {
            backends,
            running: BTreeMap::new(),
        }
    }

    /// The chosen backend and its registered name, started if need be. For auto that is the first one that starts and is ready; which one,
    /// and why not those before it, is logged when it starts.
    ///
    /// # Errors
    /// As [`Backends::start`].
    pub fn get(
        &mut self,
        choice: &BackendChoice,
    ) -> Result<(&'static str, &mut dyn Backend), BackendError> {
        let name = self.ensure(choice)?;
        match self.running.get_mut(name) {
            Some(backend) => Ok((name, backend.as_mut())),
            None => Err(self.backends.unknown(name)),
        }
    }

    /// Takes the chosen backend out of the pool.
    ///
    /// # Errors
    /// As [`Backends::start`].
    pub fn take(mut self, choice: &BackendChoice) -> Result<Box<dyn Backend>, BackendError> {
        let name = self.ensure(choice)?;
        self.running
            .remove(name)
            .ok_or_else(|| self.backends.unknown(name))
    }

    /// Names the model, as [`Backends::use_model`] does. Where it is another one, the backends that ran the one before
    /// are dropped, and what they held is free when this returns.
    pub fn use_model(&mut self, model: Option<String>) {
        if self.backends.model() != model.as_deref() {
            // All this before any is dropped: where one panics then, the switch has been made nonetheless.
            self.backends.use_model(model);
            let running = std::mem::take(&mut self.running).into_iter();
            let (given_up, kept): (BTreeMap<_, _>, _) =
                running.partition(|(name, _)| self.backends.has_choice_of_model(name));
            self.running = kept;
            drop(given_up);
        }
    }

    /// Drops a backend, for example after it has panicked; it is started anew when asked for again.
    pub fn discard(&mut self, name: &str) {
        self.running.remove(name);
    }

    /// Sees to it that the chosen backend runs, and tells its name.
    fn ensure(&mut self, choice: &BackendChoice) -> Result<&'static str, BackendError> {
        let candidates = self.backends.candidates(choice)?;
        let must_be_ready = candidates.len() > 1;
        let mut last_error = BackendError::NoneReady {
            tried: candidates.clone(),
        };
        for name in candidates {
            if let Some(backend) = self.running.get(name) {
                if backend.describe().ready || !must_be_ready {
                    return Ok(name);
                }
                tracing::info!("backend {name} is no longer ready, trying the next one");
                continue;
            }
            match self.backends.start_named(name) {
                Ok(backend) => {
                    let info = backend.describe();
                    if info.ready || !must_be_ready {
                        tracing::info!("backend {name}: {info}");
                        self.running.insert(name, backend);
                        return Ok(name);
                    }
                    tracing::info!(
                        "backend {name} is not ready ({}), trying the next one",
                        info.device
                    );
                }
                Err(error) => {
                    tracing::info!("backend {name} does not start: {error}");
                    last_error = error;
                }
            }
        }
        Err(last_error)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::super::{BackendInfo, Prompt, Watch};
    use super::*;
    use crate::voxel::SparseVoxels;

    struct Fake {
        name: &'static str,
        ready: bool,
    }

    impl Backend for Fake {
        fn describe(&self) -> BackendInfo {
            BackendInfo {
                name: self.name,
                model: "fake".into(),
                family: None,
                device: "cpu".into(),
                ready: self.ready,
                resolutions: 1..=8,
            }
        }

        fn generate(
            &mut self,
            _: &Prompt,
            _: &mut dyn Watch,
        ) -> Result<SparseVoxels, BackendError> {
            Err(BackendError::NoPicture)
        }
    }

    #[test]
    fn auto_takes_the_first_that_is_ready() {
        let mut backends = Backends::none();
        backends.register("last", || {
            Ok(Box::new(Fake {
                name: "last",
                ready: true,
            }))
        });
        backends.register("sleepy", || {
            Ok(Box::new(Fake {
                name: "sleepy",
                ready: false,
            }))
        });
        backends.register("broken", || Err(BackendError::NoPicture));
        let mut pool = BackendPool::new(backends);
        assert_eq!(pool.get(&BackendChoice::Auto).ok().unwrap().0, "last");
    }

    #[test]
    fn a_named_backend_is_used_even_when_it_is_not_ready() {
        let mut backends = Backends::default();
        backends.register("sleepy", || {
            Ok(Box::new(Fake {
                name: "sleepy",
                ready: false,
            }))
        });
        let mut pool = BackendPool::new(backends);
        assert_eq!(pool.get(&"sleepy".into()).ok().unwrap().0, "sleepy");
    }

    #[test]
    fn another_model_replaces_the_backend_that_ran_the_one_before_and_no_other() {
        let starts = Arc::new(Mutex::new(Vec::new()));
        let mut backends = Backends::none();
        for name in ["fixed", "free"] {
            let starts = Arc::clone(&starts);
            let note = move |model: Option<&str>| {
                starts.lock().unwrap().push((name, model.map(String::from)));
                Ok(Box::new(Fake { name, ready: true }) as Box<dyn Backend>)
            };
            match name {
                "free" => backends.register_with_model(name, note),
                _ => backends.register(name, move || note(None)),
            }
        }
        let mut pool = BackendPool::new(backends);
        for model in [None, Some("mine"), Some("mine")] {
            pool.use_model(model.map(String::from));
            assert!(pool.get(&"fixed".into()).is_ok());
            assert!(pool.get(&"free".into()).is_ok());
        }
        let expected = [
            ("fixed", None),
            ("free", None),
            ("free", Some("mine".into())),
        ];
        assert_eq!(*starts.lock().unwrap(), expected);
    }

    /// Crashes where it is dropped.
    struct Crashing(Fake);

    impl Backend for Crashing {
        fn describe(&self) -> BackendInfo {
            self.0.describe()
        }

        fn generate(
            &mut self,
            prompt: &Prompt,
            watch: &mut dyn Watch,
        ) -> Result<SparseVoxels, BackendError> {
            self.0.generate(prompt, watch)
        }
    }

    impl Drop for Crashing {
        fn drop(&mut self) {
            panic!("as asked for");
        }
    }

    #[test]
    fn another_model_is_used_also_where_the_backend_that_ran_the_one_before_crashes_in_the_end() {
        let mut backends = Backends::none();
        for name in ["a", "b", "c"] {
            backends.register_with_model(name, move |model| {
                let fake = Fake { name, ready: true };
                Ok(match model {
                    None if name == "b" => Box::new(Crashing(fake)),
                    None => Box::new(fake),
                    Some(_) => Box::new(Fake {
                        name: "new",
                        ready: true,
                    }),
                })
            });
        }
        let mut pool = BackendPool::new(backends);
        for name in ["a", "b", "c"] {
            assert!(pool.get(&name.into()).is_ok());
        }
        let switch = AssertUnwindSafe(|| pool.use_model(Some("mine".into())));
        assert!(catch_unwind(switch).is_err());
        for name in ["a", "b", "c"] {
            let (_, backend) = pool.get(&name.into()).unwrap();
            assert_eq!(backend.describe().name, "new");
        }
    }

    #[test]
    fn a_backend_starts_once_and_again_only_after_it_was_discarded() {
        let starts = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&starts);
        let mut backends = Backends::none();
        backends.register("fake", move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Fake {
                name: "fake",
                ready: true,
            }))
        });
        let mut pool = BackendPool::new(backends);
        assert!(pool.get(&BackendChoice::Auto).is_ok());
        assert!(pool.get(&"fake".into()).is_ok());
        assert_eq!(starts.load(Ordering::Relaxed), 1);
        pool.discard("fake");
        assert!(pool.get(&"fake".into()).is_ok());
        assert_eq!(starts.load(Ordering::Relaxed), 2);
    }
}
