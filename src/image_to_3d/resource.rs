//! [`ImageTo3D`]: where a game asks for things.

use bevy::ecs::entity::EntityHashMap;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;

use crate::backend::{BackendError, BackendInfo, Backends};
use crate::generation::{GenerationError, Generator, Job, JobId};

use super::collect::Requested;
use super::variants;
use super::{GenerateRequest, Generation, TrellisSettings};

/// Makes things from pictures.
#[derive(Resource, Default)]
pub struct ImageTo3D {
    last_number: u32,
    /// Starts with the first request, so that a game can register backends until then.
    pub(super) generator: Option<Generator>,
    pub(super) entities: HashMap<JobId, Entity>,
    pub(super) jobs: EntityHashMap<JobId>,
    pub(super) to_cancel: Vec<Entity>,
    /// Asked to be cancelled before their spawning had been carried out.
    pub(super) to_cancel_next: Vec<Entity>,
}

impl ImageTo3D {
    /// Has the backend that requests will use begin to make itself ready, for example when the game starts: weights
    /// are loaded behind the title screen, and a request that comes meanwhile shows how far that is. What goes wrong
    /// is logged, and told again by the first request.
    pub fn warm_up(&mut self, backends: &Backends, settings: &TrellisSettings) {
        self.generator(backends, settings).warm_up();
    }

    /// Asks the backend that requests will use how it is, see [`Generator::describe`].
    pub fn describe(
        &mut self,
        backends: &Backends,
        settings: &TrellisSettings,
        tell: impl FnOnce(Result<BackendInfo, BackendError>) + Send + 'static,
    ) {
        self.generator(backends, settings).describe(tell);
    }

    /// The generator, started if need be, that follows the settings.
    fn generator(&mut self, backends: &Backends, settings: &TrellisSettings) -> &mut Generator {
        let generator = self
            .generator
            .get_or_insert_with(|| Generator::new(backends.clone(), settings.queue_capacity));
        generator.switch(settings.backend.clone());
        generator.use_model(settings.model.as_deref());
        generator
    }

    /// Asks for the thing in a picture and returns its entity at once; observe it to hear of progress and the end.
    pub fn generate(&mut self, commands: &mut Commands, request: GenerateRequest) -> Entity {
        self.spawn(commands, request, None)
    }

    /// Asks for several things after one picture, made together where the backend can, and returns an entity for each:
    /// with the request's seed, the next one and so on. They stand in a row from the request's place along its x axis,
    /// as far apart as their grids are wide and an eighth more. A backend that makes no random choices makes the same
    /// thing each time.
    pub fn generate_variants(
        &mut self,
        commands: &mut Commands,
        request: GenerateRequest,
        variants: u32,
    ) -> Vec<Entity> {
        let batch = u64::from(self.last_number) + 1;
        let entities: Vec<Entity> = (0..variants)
            .map(|variant| {
                let seed = request.seed.wrapping_add(u64::from(variant));
                self.spawn(commands, request.clone().with_seed(seed), Some(batch))
            })
            .collect();
        commands.queue(variants::line_up(request, entities.clone()));
        entities
    }

    fn spawn(
        &mut self,
        commands: &mut Commands,
        request: GenerateRequest,
        batch: Option<u64>,
    ) -> Entity {
        self.last_number += 1;
        let picture = request
            .pictures
            .first()
            .map_or_else(String::new, ToString::to_string);
        let generation = Generation::new(self.last_number, picture);
        let transform = request.transform;
        commands
            .spawn((generation, transform, Requested::new(request, batch)))
            .id()
    }

    /// Number of the newest generation, see [`Generation::number`]; 0 before the first.
    #[must_use]
    pub fn last_number(&self) -> u32 {
        self.last_number
    }

    /// Cancels a generation. Nothing happens if it has ended already; what it made stays.
    pub fn cancel(&mut self, generation: Entity) {
        self.to_cancel.push(generation);
    }

    /// Hands jobs to the generator, those of a batch together, and has it follow the settings; tells which were
    /// refused.
    pub(super) fn submit(
        &mut self,
        ready: Vec<(Entity, Job)>,
        backends: &Backends,
        settings: &TrellisSettings,
    ) -> Vec<(Entity, GenerationError)> {
        if ready.is_empty() && self.generator.is_none() {
            return Vec::new();
        }
        let generator = self.generator(backends, settings);
        let mut submitted = Vec::new();
        for together in ready.chunk_by(|(_, a), (_, b)| a.batch.is_some() && a.batch == b.batch) {
            let jobs = together.iter().map(|(_, job)| job.clone()).collect();
            let entities = together.iter().map(|(entity, _)| *entity);
            submitted.extend(entities.zip(generator.submit_all(jobs)));
        }
        let mut refused = Vec::new();
        for (entity, answer) in submitted {
            match answer {
                Ok(job) => self.link(job, entity),
                Err(error) => refused.push((entity, error)),
            }
        }
        refused
    }

    /// Notes that a job works for an entity.
    fn link(&mut self, job: JobId, entity: Entity) {
        self.entities.insert(job, entity);
        self.jobs.insert(entity, job);
    }

    /// Forgets a job; tells for whom it worked.
    pub(super) fn unlink(&mut self, job: JobId) -> Option<Entity> {
        let entity = self.entities.remove(&job)?;
        self.jobs.remove(&entity);
        Some(entity)
    }

    /// Cancels the job of an entity, if it has one.
    pub(super) fn cancel_job(&mut self, entity: Entity) -> bool {
        match (self.jobs.get(&entity), &mut self.generator) {
            (Some(&job), Some(generator)) => {
                generator.cancel(job);
                true
            }
            _ => false,
        }
    }
}
