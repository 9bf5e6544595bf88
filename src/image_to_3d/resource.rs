//! [`ImageTo3D`]: where a game asks for things.

use bevy::ecs::entity::EntityHashMap;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;

use crate::backend::Backends;
use crate::generation::{Generator, JobId};

use super::collect::Requested;
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
        self.generator(backends, settings)
            .warm_up(settings.backend.clone());
    }

    /// Asks for the thing in a picture and returns its entity at once; observe it to hear of progress and the end.
    pub fn generate(&mut self, commands: &mut Commands, request: GenerateRequest) -> Entity {
        self.last_number += 1;
        let picture = request
            .pictures
            .first()
            .map_or_else(String::new, ToString::to_string);
        let generation = Generation::new(self.last_number, picture);
        commands
            .spawn((generation, request.transform, Requested::new(request)))
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

    pub(super) fn generator(
        &mut self,
        backends: &Backends,
        settings: &TrellisSettings,
    ) -> &mut Generator {
        self.generator
            .get_or_insert_with(|| Generator::new(backends.clone(), settings.queue_capacity))
    }

    /// Notes that a job works for an entity.
    pub(super) fn link(&mut self, job: JobId, entity: Entity) {
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
