//! Requests on their way to the worker.

use bevy::asset::LoadState;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::backend::Backends;
use crate::generation::{Job, PictureSource};
use crate::world::{VoxelModel3d, VoxelSize};

use super::generation::{GenerationCancelled, GenerationFailed};
use super::photo::Photo;
use super::picture_input::{InputError, pixels_of};
use super::placement::{Stamping, ToStamp, Worlds};
use super::{
    GenerateRequest, Generation, GenerationStatus, ImageTo3D, PictureInput, Placement,
    TrellisSettings,
};

/// A request that has not reached the worker, because its pictures are not all there.
#[derive(Component)]
pub(super) struct Requested {
    request: GenerateRequest,
    /// Requests of the same number have the same pictures and are made together.
    batch: Option<u64>,
    /// Pictures that are there, in the request's order; the next one is the one waited for.
    sources: Vec<PictureSource>,
}

impl Requested {
    pub(super) fn new(request: GenerateRequest, batch: Option<u64>) -> Self {
        Self {
            request,
            batch,
            sources: Vec::new(),
        }
    }

    /// The job of a request whose pictures are all there.
    fn job(&self, settings: &TrellisSettings) -> Job {
        Job {
            pictures: self.sources.clone(),
            seed: self.request.seed,
            resolution: self.request.resolution.unwrap_or(settings.resolution),
            backend: self.request.backend.clone().unwrap_or_default(),
            priority: self.request.priority,
            previews: settings.previews,
            batch: self.batch,
            cache: settings.cache.clone().filter(|_| self.request.cache),
        }
    }
}

/// Moves requests on, oldest first: fetches pictures, hands complete ones to the generator.
pub(super) fn collect_requests(
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
    settings: Res<TrellisSettings>,
    backends: Res<Backends>,
    loaded: LoadedImages,
    worlds: Worlds,
    mut requests: Query<(Entity, &mut Requested, &mut Generation, Option<&Photo>)>,
) {
    let mut ready: Vec<(Entity, Job)> = Vec::new();
    let mut leader: Option<Leader> = None;
    let oldest_first = requests
        .iter_mut()
        .sort_by_key::<&Generation, _>(|asked| asked.number);
    for (entity, mut requested, mut generation, photo) in oldest_first {
        let fetched = match leader.as_ref().filter(|leader| leader.leads(&requested)) {
            Some(leader) => {
                requested.sources.clone_from(&leader.sources);
                leader.fetched.clone()
            }
            None => {
                let fetched = fetch_all(entity, &mut requested, photo, &loaded, &mut commands)
                    .map_err(|error| error.to_string());
                leader = Leader::of(&requested, &fetched);
                fetched
            }
        };
        if fetched == Ok(false) {
            continue;
        }
        commands.entity(entity).try_remove::<(Requested, Photo)>();
        let prepared = fetched.and_then(|_| {
            prepare(
                entity,
                &requested.request,
                &settings,
                &worlds,
                &mut commands,
            )
        });
        match prepared {
            Ok(()) => {
                let job = requested.job(&settings);
                generation.resolution = Some(job.resolution);
                ready.push((entity, job));
            }
            Err(message) => fail(entity, &mut generation, message, &mut commands),
        }
    }
    if !ready.is_empty() || settings.is_changed() {
        let refused = image_to_3d.submit(ready, &backends, &settings);
        for (entity, error) in refused {
            if let Ok((_, _, mut generation, _)) = requests.get_mut(entity) {
                fail(entity, &mut generation, error.to_string(), &mut commands);
            }
        }
    }
}

/// The first of a batch, who fetches the pictures for all of it.
struct Leader {
    batch: u64,
    sources: Vec<PictureSource>,
    fetched: Result<bool, String>,
}

impl Leader {
    fn of(requested: &Requested, fetched: &Result<bool, String>) -> Option<Self> {
        requested.batch.map(|batch| Self {
            batch,
            sources: requested.sources.clone(),
            fetched: fetched.clone(),
        })
    }

    fn leads(&self, requested: &Requested) -> bool {
        requested.batch == Some(self.batch)
    }
}

/// Makes a generation ready for its place.
fn prepare(
    entity: Entity,
    request: &GenerateRequest,
    settings: &TrellisSettings,
    worlds: &Worlds,
    commands: &mut Commands,
) -> Result<(), String> {
    let voxel_size = request.voxel_size.unwrap_or(settings.voxel_size);
    let is_place = request.transform.is_finite();
    if !(is_place && voxel_size.is_finite() && voxel_size > 0.0) {
        return Err(
            "the place or the voxel size is no usable number: give finite metres, the size above 0"
                .into(),
        );
    }
    commands.entity(entity).try_insert(VoxelSize(voxel_size));
    match request.placement.unwrap_or(settings.placement) {
        Placement::Entity => Ok(()),
        Placement::World(named) => worlds
            .prepare(entity, named, commands)
            .map_err(|error| error.to_string()),
    }
}

/// The images that assets may point at.
#[derive(SystemParam)]
pub(super) struct LoadedImages<'w> {
    assets: Res<'w, AssetServer>,
    images: Res<'w, Assets<Image>>,
}

/// Fetches the pictures that are there; tells whether all are.
fn fetch_all(
    entity: Entity,
    requested: &mut Requested,
    photo: Option<&Photo>,
    loaded: &LoadedImages,
    commands: &mut Commands,
) -> Result<bool, InputError> {
    while let Some(input) = requested.request.pictures.get(requested.sources.len()) {
        let source = match input {
            PictureInput::Path(path) => Some(path.clone().into()),
            PictureInput::Bytes(bytes) => Some(PictureSource::Bytes(bytes.clone())),
            PictureInput::Picture(picture) => Some(picture.clone().into()),
            PictureInput::Image(handle) => loaded.fetch(handle)?,
            PictureInput::Camera(camera) => Photo::fetch(photo, *camera, entity, commands)?,
        };
        match source {
            Some(source) => requested.sources.push(source),
            None => return Ok(false),
        }
    }
    Ok(true)
}

impl LoadedImages<'_> {
    /// The pixels of an image asset, or `None` while it loads.
    fn fetch(&self, handle: &Handle<Image>) -> Result<Option<PictureSource>, InputError> {
        match (self.images.get(handle), self.assets.get_load_state(handle)) {
            (Some(image), _) => Ok(Some(pixels_of(image)?.into())),
            (None, Some(LoadState::Failed(error))) => Err(InputError::Asset {
                reason: error.to_string(),
            }),
            (None, Some(LoadState::Loaded)) => Err(InputError::NoPixels),
            (None, _) => Ok(None),
        }
    }
}

/// Carries out [`ImageTo3D::cancel`].
pub(super) fn cancel_requests(
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
    mut generations: Query<&mut Generation>,
) {
    let late = std::mem::take(&mut image_to_3d.to_cancel_next);
    let asked = std::mem::take(&mut image_to_3d.to_cancel);
    for (entity, is_last_try) in late
        .into_iter()
        .map(|entity| (entity, true))
        .chain(asked.into_iter().map(|entity| (entity, false)))
    {
        // A job at work answers with an event once its backend has stopped.
        if image_to_3d.cancel_job(entity) {
            continue;
        }
        match generations.get_mut(entity) {
            Ok(mut generation) if !generation.status.is_end() => {
                generation.status = GenerationStatus::Cancelled;
                generation.dismiss_ghost(&mut commands);
                commands
                    .entity(entity)
                    .try_remove::<(Requested, Photo, VoxelModel3d, ToStamp, Stamping)>();
                commands.trigger(GenerationCancelled { entity });
            }
            Ok(_) => {}
            Err(_) if is_last_try => {}
            Err(_) => image_to_3d.to_cancel_next.push(entity),
        }
    }
}

/// A generation whose entity goes is cancelled.
pub(super) fn cancel_removed(removed: On<Remove, Generation>, mut image_to_3d: ResMut<ImageTo3D>) {
    image_to_3d.cancel_job(removed.entity);
}

/// Ends a generation without a result.
pub(super) fn fail(
    entity: Entity,
    generation: &mut Generation,
    message: String,
    commands: &mut Commands,
) {
    error!(
        "generation {} of {}: {message}",
        generation.number, generation.picture
    );
    generation.status = GenerationStatus::Failed {
        message: message.clone(),
    };
    generation.dismiss_ghost(commands);
    commands.trigger(GenerationFailed { entity, message });
}
