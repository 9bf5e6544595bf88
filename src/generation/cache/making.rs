//! Making what is not kept yet, once among all who ask for it at the same moment.

use std::time::Duration;

use super::claim::Claim;
use super::{CacheKey, ResultCache};
use crate::backend::{Backend, BackendError, Cancelled, Progress, Prompt, Watch};
use crate::voxel::SparseVoxels;

/// How often somebody who waits for another process looks up; a lock cannot be waited for and given up.
const LOOK: Duration = Duration::from_millis(20);

/// A result and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The result.
    pub voxels: SparseVoxels,
    /// Whether it was kept from an earlier time; then no backend worked.
    pub cached: bool,
}

/// A result that is made and not kept yet. To write it takes a while, for which nobody who waits for it need wait.
/// Dropping it lets others make it.
#[derive(Debug)]
pub(in crate::generation) struct Keeping {
    cache: ResultCache,
    key: CacheKey,
    claim: Option<Claim>,
}

impl Keeping {
    /// Keeps the result.
    pub(in crate::generation) fn keep(self, voxels: &SparseVoxels) {
        self.cache.keep(&self.key, voxels);
        if let Some(claim) = self.claim {
            claim.fulfilled();
        }
    }
}

/// A result, and what is still to be done to keep it.
pub(in crate::generation) type Outcome = (Result<Made, BackendError>, Option<Keeping>);

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
    let (made, keeping) = made.pop().unwrap_or((Err(BackendError::NoPicture), None));
    if let (Ok(made), Some(keeping)) = (&made, keeping) {
        keeping.keep(&made.voxels);
    }
    made
}

/// The same for several prompts of one resolution: what is not kept is made as one batch. One result a prompt; to keep
/// those that are new is left to the caller.
pub(in crate::generation) fn generate_or_find_all(
    cache: Option<&ResultCache>,
    backend: &mut dyn Backend,
    prompts: &[Prompt],
    watches: &mut [&mut dyn Watch],
) -> Vec<Outcome> {
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
        Search::Found(voxels) => {
            let cached = true;
            (Ok(Made { voxels, cached }), None)
        }
        Search::Cancelled => (Err(Cancelled.into()), None),
        Search::New(claimed) => {
            let result = results.next().unwrap_or_else(|| Err(no_answer(name)));
            let cached = false;
            let keeping = claimed.zip(identity.as_ref());
            let keeping = keeping.map(|((key, claim), (cache, _))| Keeping {
                cache: (*cache).clone(),
                key,
                claim,
            });
            (result.map(|voxels| Made { voxels, cached }), keeping)
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
                if watch.progress(Progress::LOADING).is_err() {
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
