//! Making what is not kept yet, once among all who ask for it at the same moment.

use std::time::Duration;

use super::claim::Claim;
use super::{CacheKey, ResultCache};
use crate::backend::{Backend, BackendError, Cancelled, Progress, Prompt, Stage, Watch};
use crate::voxel::SparseVoxels;

/// How often somebody who waits for another process looks up; a lock cannot be waited for and given up.
const LOOK: Duration = Duration::from_millis(20);

/// What is told while another process makes the result.
const WAITING: Progress = Progress {
    stage: Stage::Loading,
    step: 0,
    steps: 0,
};

/// A result and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The result.
    pub voxels: SparseVoxels,
    /// Whether it was kept from an earlier time; then no backend worked.
    pub cached: bool,
}

/// Makes the thing of a prompt, or finds it in a cache; an identical one that another process makes is waited for.
///
/// # Errors
/// As [`Backend::generate`].
pub fn generate_or_find(
    cache: Option<&ResultCache>,
    backend: &mut dyn Backend,
    prompt: &Prompt,
    watch: &mut dyn Watch,
) -> Result<Made, BackendError> {
    let mut made = generate_or_find_all(cache, backend, std::slice::from_ref(prompt), &mut [watch]);
    made.pop().unwrap_or(Err(BackendError::NoPicture))
}

/// The same for several prompts of one resolution: what is not kept is made as one batch. One result a prompt.
pub(in crate::generation) fn generate_or_find_all(
    cache: Option<&ResultCache>,
    backend: &mut dyn Backend,
    prompts: &[Prompt],
    watches: &mut [&mut dyn Watch],
) -> Vec<Result<Made, BackendError>> {
    let name = backend.describe().name;
    let identity = cache.and_then(|cache| Some((cache, backend.cache_identity()?)));
    let mut searches: Vec<Search> = match &identity {
        None => prompts.iter().map(|_| Search::New(None)).collect(),
        Some((cache, identity)) => {
            let keys = prompts
                .iter()
                .map(|prompt| CacheKey::new(name, identity, prompt));
            search_all(cache, &keys.collect::<Vec<_>>(), watches)
        }
    };
    let (new, mut watching): (Vec<Prompt>, Vec<&mut dyn Watch>) = searches
        .iter()
        .zip(prompts.iter().zip(watches))
        .filter(|(search, _)| matches!(search, Search::New(_)))
        .map(|(_, (prompt, watch))| (prompt.clone(), &mut **watch as &mut dyn Watch))
        .unzip();
    let mut results = match (new.as_slice(), watching.as_mut_slice()) {
        ([], _) => Vec::new(),
        ([prompt], [watch]) => vec![backend.generate(prompt, &mut **watch)],
        (prompts, watches) => backend.generate_batch(prompts, watches),
    }
    .into_iter();
    let ends = searches.drain(..).map(|search| match search {
        Search::Found(voxels) => Ok(Made {
            voxels,
            cached: true,
        }),
        Search::Cancelled => Err(Cancelled.into()),
        Search::New(claimed) => {
            let voxels = results.next().unwrap_or_else(|| Err(no_answer(name)))?;
            if let (Some((key, claim)), Some((cache, _))) = (claimed, &identity) {
                cache.keep(&key, &voxels);
                if let Some(claim) = claim {
                    claim.fulfilled();
                }
            }
            Ok(Made {
                voxels,
                cached: false,
            })
        }
    });
    ends.collect()
}

/// What became of looking for a result.
enum Search {
    Found(SparseVoxels),
    /// It is to be made, and to be kept where it has a key.
    New(Option<(CacheKey, Option<Claim>)>),
    Cancelled,
}

/// Looks for results and claims those that are not there, in order of their keys: so no two processes can wait for
/// each other.
fn search_all(
    cache: &ResultCache,
    keys: &[CacheKey],
    watches: &mut [&mut dyn Watch],
) -> Vec<Search> {
    let mut each: Vec<_> = keys.iter().zip(watches).enumerate().collect();
    each.sort_by_key(|(_, (key, _))| **key);
    let mut before = None;
    let mut searches: Vec<(usize, Search)> = Vec::new();
    for (place, (key, watch)) in each {
        // A batch cannot wait for itself.
        let search = match before.replace(key) == Some(key) {
            true => cache.find(key).map_or(Search::New(None), Search::Found),
            false => search(cache, key, &mut **watch),
        };
        searches.push((place, search));
    }
    searches.sort_by_key(|(place, _)| *place);
    searches.into_iter().map(|(_, search)| search).collect()
}

fn search(cache: &ResultCache, key: &CacheKey, watch: &mut dyn Watch) -> Search {
    if let Some(voxels) = cache.find(key) {
        return Search::Found(voxels);
    }
    loop {
        let claim = match Claim::take(&cache.folder, key) {
            Ok(None) => {
                if watch.progress(WAITING).is_err() {
                    return Search::Cancelled;
                }
                std::thread::sleep(LOOK);
                continue;
            }
            Ok(claim) => claim,
            Err(error) => {
                cache.warn(&error);
                None
            }
        };
        // It may have been made between the look and the claim.
        return match cache.find(key) {
            Some(voxels) => {
                if let Some(claim) = claim {
                    claim.fulfilled();
                }
                Search::Found(voxels)
            }
            None => Search::New(Some((*key, claim))),
        };
    }
}

fn no_answer(backend: &'static str) -> BackendError {
    BackendError::Failed {
        backend,
        source: "it gave no answer to a prompt of a batch".into(),
    }
}
