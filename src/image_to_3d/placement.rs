//! [`Placement`]: whether what was made becomes an entity of its own or part of a voxel world.

use bevy::ecs::entity::EntityHashSet;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::futures_lite::future::yield_now;
use bevy::tasks::{AsyncComputeTaskPool, Task};
use crossbeam_channel::{Receiver, bounded};

use crate::voxel::{PreparedStamp, VoxelModel, VoxelWorld, VoxelWorldError};
use crate::world::{Ahead, ChunkGrid, VoxelSize, WhichWorldError, WorldSpot, which_world};

use super::collect::fail;
use super::generation::GenerationFinished;
use super::{Generation, GenerationStatus};

/// Where what was made comes to stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the generation's entity, with chunks of its own.
    #[default]
    Entity,
    /// Stamped into a [`VoxelWorld`] as one step that can be undone: into the one named, else into the only one there
    /// is.
    ///
    /// It stands at the request's transform, moved to the nearest cell and turned to the nearest quarter; a mirror
    /// image is kept, tilt and size are not. A voxel becomes a voxel of the world's size, in the nearest colour of
    /// the world's palette. Ghost voxels show it before.
    World(Option<Entity>),
}

/// Why something cannot be put into a world.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlacementError {
    #[error(transparent)]
    Which(#[from] WhichWorldError),
    #[error("the place is no usable one in the world: give finite metres, and the world a size")]
    Place,
    #[error(transparent)]
    World(#[from] VoxelWorldError),
}

/// The world into which a generation goes at the end; beside [`Generation`].
#[derive(Component, Clone, Copy)]
pub(super) struct IntoWorld(pub(super) Entity);

/// A finished model on its way into the world.
#[derive(Component)]
pub(super) struct ToStamp(pub(super) VoxelModel);

/// A finished model that is being laid over its world, as that was when it came.
#[derive(Component)]
pub(super) struct Stamping {
    stamp: Task<Result<PreparedStamp, VoxelWorldError>>,
    /// How far it is, where that is news.
    so_far: Receiver<PreparedStamp>,
    world: Entity,
    voxels: usize,
}

/// The worlds there are and where they stand.
#[derive(SystemParam)]
pub(super) struct Worlds<'w, 's> {
    worlds: Query<'w, 's, (Entity, Option<&'static VoxelSize>), With<VoxelWorld>>,
    parents: Query<'w, 's, (), With<ChildOf>>,
    places: TransformHelper<'w, 's>,
}

impl Worlds<'_, '_> {
    /// Makes a generation ready for its world: its ghost voxels shall look as the stamp will.
    pub(super) fn prepare(
        &self,
        generation: Entity,
        named: Option<Entity>,
        commands: &mut Commands,
    ) -> Result<(), PlacementError> {
        let world = which_world(named, self.worlds.iter().map(|(entity, _)| entity))?;
        let (spot, place, voxel_size) = self.spot(generation, world)?;
        commands
            .entity(generation)
            .try_insert((IntoWorld(world), VoxelSize(voxel_size)));
        if !self.parents.contains(generation) {
            let aligned = spot.transform(&place, voxel_size).compute_transform();
            commands.entity(generation).try_insert(aligned);
        }
        Ok(())
    }

    /// Where a generation lands in a world, where the world stands, and the edge of its voxels.
    fn spot(
        &self,
        generation: Entity,
        world: Entity,
    ) -> Result<(WorldSpot, GlobalTransform, f32), PlacementError> {
        let (_, size) = self
            .worlds
            .get(world)
            .map_err(|_| WhichWorldError::NotOne { entity: world })?;
        let voxel_size = size.copied().unwrap_or_default().0;
        let place_of = |entity| {
            let place = self.places.compute_global_transform(entity);
            place.map_err(|_| PlacementError::Place)
        };
        let place = place_of(world)?;
        WorldSpot::nearest(&place_of(generation)?, &place, voxel_size)
            .map(|spot| (spot, place, voxel_size))
            .ok_or(PlacementError::Place)
    }
}

/// Starts laying models that have come over their worlds.
pub(super) fn start_stamping(
    mut commands: Commands,
    worlds: Worlds,
    voxels_of: Query<(&VoxelWorld, Option<&ChunkGrid>)>,
    mut finished: Query<(Entity, &mut Generation, &IntoWorld, &ToStamp)>,
) {
    for (entity, mut generation, into, to_stamp) in &mut finished {
        commands.entity(entity).try_remove::<ToStamp>();
        let spot = worlds.spot(entity, into.0);
        let (spot, (world, grid)) = match (spot, voxels_of.get(into.0)) {
            (Ok((spot, ..)), Ok(shown)) => (spot, shown),
            (Err(error), _) => {
                fail(entity, &mut generation, error.to_string(), &mut commands);
                continue;
            }
            (_, Err(_)) => continue,
        };
        let (octree, palette) = (world.octree().clone(), world.palette().clone());
        let eyes = grid.map_or(Vec::new(), |grid| grid.eyes().to_vec());
        let model = to_stamp.0.clone();
        let voxels = model.len();
        let (newest, so_far) = bounded(1);
        let older = so_far.clone();
        let stamp = AsyncComputeTaskPool::get().spawn(async move {
            let (here, place) = ((&octree, &palette), (spot.position, spot.symmetry));
            let mut parts = PreparedStamp::in_parts(&model, here, place, &eyes)?;
            while parts.lay_next() {
                // Where nobody has looked, the newer one takes the place of the older.
                let _ = older.try_recv();
                let _ = newest.try_send(parts.stamp.clone());
                // What is there already is meshed by the same few threads.
                yield_now().await;
            }
            Ok(parts.stamp)
        });
        commands.entity(entity).try_insert(Stamping {
            stamp,
            so_far,
            world: into.0,
            voxels,
        });
    }
}

/// What was laid over a world for a generation that has it now, or that has gone, is no longer shown ahead.
pub(super) fn end_stamping(
    removed: On<Remove, Stamping>,
    stamping: Query<&Stamping>,
    shown: Query<&Ahead>,
    mut commands: Commands,
) {
    let Ok(world) = stamping.get(removed.entity).map(|stamping| stamping.world) else {
        return;
    };
    if shown
        .get(world)
        .is_ok_and(|ahead| ahead.of == removed.entity)
    {
        commands.entity(world).try_remove::<Ahead>();
    }
}

/// Makes finished stamps steps of their worlds, oldest generation first, and shows of the others that of the oldest: a
/// stamp knows nothing of another, so a world that showed them in turn would flicker.
pub(super) fn stamp(
    mut commands: Commands,
    mut worlds: Query<&mut VoxelWorld>,
    mut stamping: Query<(Entity, &mut Generation, &IntoWorld, &mut Stamping)>,
) {
    let oldest_first = stamping
        .iter_mut()
        .sort_by_key::<&Generation, _>(|generation| generation.number);
    let mut seen = EntityHashSet::default();
    for (entity, mut generation, into, mut stamping) in oldest_first {
        let is_oldest = seen.insert(into.0);
        let Some(stamp) = check_ready(&mut stamping.stamp) else {
            if is_oldest && let Ok(stamp) = stamping.so_far.try_recv() {
                let of = entity;
                commands.entity(into.0).try_insert(Ahead { stamp, of });
            }
            continue;
        };
        commands
            .entity(entity)
            .try_remove::<(Stamping, IntoWorld)>();
        if let Err(error) = apply(stamp, into.0, &mut worlds) {
            fail(entity, &mut generation, error.to_string(), &mut commands);
            continue;
        }
        generation.status = GenerationStatus::Done;
        generation.dismiss_ghost(&mut commands);
        commands.trigger(GenerationFinished {
            entity,
            backend: generation.backend.unwrap_or_default(),
            cached: generation.cached,
            world: Some(into.0),
            voxels: stamping.voxels,
            chunks: 0,
            quads: 0,
            entities: 1,
            elapsed: generation.age(),
            first_preview: generation.first_preview,
        });
    }
}

fn apply(
    stamp: Result<PreparedStamp, VoxelWorldError>,
    entity: Entity,
    worlds: &mut Query<&mut VoxelWorld>,
) -> Result<(), PlacementError> {
    let mut world = worlds
        .get_mut(entity)
        .map_err(|_| WhichWorldError::NotOne { entity })?;
    Ok(world.apply(&stamp?)?)
}

#[cfg(test)]
mod tests {
    use bevy::ecs::system::RunSystemOnce;
    use bevy::tasks::TaskPool;
    use crossbeam_channel::Sender;

    use super::*;
    use crate::voxel::{Octree, Palette, Symmetry};

    /// A generation whose stamp is never done, and what tells how far it is.
    fn endless(app: &mut World, number: u32, into: Entity) -> (Entity, Sender<PreparedStamp>) {
        let pool = AsyncComputeTaskPool::get_or_init(TaskPool::default);
        let (newest, so_far) = bounded(1);
        let stamping = Stamping {
            stamp: pool.spawn(std::future::pending()),
            so_far,
            world: into,
            voxels: 0,
        };
        let generation = Generation::new(number, "a".into());
        let entity = app.spawn((generation, IntoWorld(into), stamping)).id();
        (entity, newest)
    }

    /// A world, an app's worth of ECS around it, and a stamp for it.
    fn world() -> (World, Entity, PreparedStamp) {
        let mut app = World::new();
        app.add_observer(end_stamping);
        let voxels = VoxelWorld::default();
        let here = (voxels.octree(), voxels.palette());
        let nothing = VoxelModel::new(1, Octree::default(), Palette::default()).unwrap();
        let stamp = PreparedStamp::new(&nothing, here, Vec3::ZERO, Symmetry::default()).unwrap();
        let world = app.spawn(voxels).id();
        (app, world, stamp)
    }

    fn shown_for(app: &mut World, world: Entity) -> Option<Entity> {
        app.run_system_once(stamp).unwrap();
        app.get::<Ahead>(world).map(|ahead| ahead.of)
    }

    #[test]
    fn what_is_cancelled_while_it_is_laid_over_a_world_leaves_nothing_to_be_seen() {
        let (mut app, world, stamp) = world();
        let (generation, newest) = endless(&mut app, 1, world);
        assert_eq!(shown_for(&mut app, world), None);
        newest.send(stamp).unwrap();
        assert_eq!(shown_for(&mut app, world), Some(generation));
        app.despawn(generation);
        assert!(app.get::<Ahead>(world).is_none());
    }

    #[test]
    fn of_two_things_that_are_laid_over_a_world_the_older_is_seen_until_it_ends() {
        let (mut app, world, stamp) = world();
        let (younger, of_younger) = endless(&mut app, 2, world);
        let (older, of_older) = endless(&mut app, 1, world);
        for newest in [&of_younger, &of_older] {
            newest.send(stamp.clone()).unwrap();
        }
        assert_eq!(shown_for(&mut app, world), Some(older));
        assert_eq!(shown_for(&mut app, world), Some(older));
        app.despawn(older);
        assert!(app.get::<Ahead>(world).is_none());
        assert_eq!(shown_for(&mut app, world), Some(younger));
    }

    #[test]
    fn who_ends_leaves_what_another_shows_alone() {
        let (mut app, world, stamp) = world();
        let (older, newest) = endless(&mut app, 1, world);
        let (younger, _newest) = endless(&mut app, 2, world);
        newest.send(stamp).unwrap();
        assert_eq!(shown_for(&mut app, world), Some(older));
        app.despawn(younger);
        assert_eq!(shown_for(&mut app, world), Some(older));
    }
}
