//! News from the worker become status, events, ghost voxels and models.

use bevy::prelude::*;

use crate::backend::Progress;
use crate::generation::Event as News;
use crate::voxel::VoxelModel;
use crate::world::{ChunkGrid, Ghost, ModelReady, VoxelModel3d, VoxelSize};

use super::collect::fail;
use super::generation::{
    GenerationCancelled, GenerationFinished, GenerationPreview, GenerationProgress,
};
use super::placement::{IntoWorld, ToStamp};
use super::{Generation, GenerationStatus, ImageTo3D};

/// News that a frame takes at most, so that a backend which reports without pause cannot hold it up.
const NEWS_PER_FRAME: usize = 64;

/// Takes the news from the worker.
pub(super) fn receive_news(
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
    mut models: ResMut<Assets<VoxelModel>>,
    mut generations: Query<(&mut Generation, &VoxelSize, Has<IntoWorld>)>,
) {
    for _ in 0..NEWS_PER_FRAME {
        let generator = image_to_3d.generator.as_mut();
        let Some(news) = generator.and_then(|generator| generator.poll()) else {
            return;
        };
        let job = news.job();
        let entity = if news.is_end() {
            image_to_3d.unlink(job)
        } else {
            image_to_3d.entities.get(&job).copied()
        };
        // Without an entity somebody despawned it; its job has been cancelled.
        let Some(entity) = entity else { continue };
        let Ok((mut generation, voxel_size, into_world)) = generations.get_mut(entity) else {
            continue;
        };
        match news {
            News::Started { backend, .. } => {
                generation.backend = Some(backend.name);
                generation.status = GenerationStatus::Running(Progress::LOADING);
            }
            News::Progress { progress, .. } => {
                generation.status = GenerationStatus::Running(progress);
                commands.trigger(GenerationProgress { entity, progress });
            }
            News::Preview { model, .. } => {
                let voxels = model.len();
                let size = ghost_size(&model, &generation, *voxel_size);
                let model = VoxelModel3d(models.add(model));
                show_ghost(entity, &mut generation, (model, size), &mut commands);
                commands.trigger(GenerationPreview { entity, voxels });
            }
            News::Finished { model, cached, .. } => {
                generation.cached = cached;
                generation.status = GenerationStatus::Meshing;
                // A preview that does not stand yet would only hold up the result.
                if let Some(ghost) = generation.ghost {
                    commands.entity(ghost).try_remove::<ChunkGrid>();
                }
                if into_world {
                    commands.entity(entity).try_insert(ToStamp(model));
                } else {
                    let shown = VoxelModel3d(models.add(model));
                    commands.entity(entity).try_insert(shown);
                }
            }
            News::Failed { error, .. } => {
                fail(entity, &mut generation, error.to_string(), &mut commands);
            }
            News::Cancelled { .. } => {
                generation.status = GenerationStatus::Cancelled;
                generation.dismiss_ghost(&mut commands);
                commands.trigger(GenerationCancelled { entity });
            }
        }
    }
}

/// Edge of a preview's voxels. It may be coarser than what was asked for, or finer, and shall fill the same space.
fn ghost_size(preview: &VoxelModel, generation: &Generation, voxel_size: VoxelSize) -> VoxelSize {
    let shown = preview.resolution();
    let asked = generation.resolution.unwrap_or(shown);
    VoxelSize(voxel_size.0 * asked as f32 / shown as f32)
}

/// Shows a preview in the place of the one before.
fn show_ghost(
    entity: Entity,
    generation: &mut Generation,
    shown: (VoxelModel3d, VoxelSize),
    commands: &mut Commands,
) {
    let shown = (shown, Ghost::default());
    match generation.ghost {
        Some(ghost) => {
            commands.entity(ghost).try_insert(shown);
        }
        None => generation.ghost = Some(commands.spawn((shown, ChildOf(entity))).id()),
    }
    let age = generation.age();
    generation.first_preview.get_or_insert(age);
}

/// A generation is done when its chunks stand; its ghost voxels go.
pub(super) fn finish(
    ready: On<ModelReady>,
    mut commands: Commands,
    models: Res<Assets<VoxelModel>>,
    mut generations: Query<(&mut Generation, &VoxelModel3d)>,
) {
    let ModelReady {
        entity,
        chunks,
        quads,
        entities,
    } = *ready;
    let Ok((mut generation, shows)) = generations.get_mut(entity) else {
        return;
    };
    if generation.status != GenerationStatus::Meshing {
        return;
    }
    generation.status = GenerationStatus::Done;
    generation.dismiss_ghost(&mut commands);
    commands.trigger(GenerationFinished {
        entity,
        backend: generation.backend.unwrap_or_default(),
        cached: generation.cached,
        world: None,
        voxels: models.get(shows.id()).map_or(0, VoxelModel::len),
        chunks,
        quads,
        entities,
        elapsed: generation.age(),
        first_preview: generation.first_preview,
    });
}
