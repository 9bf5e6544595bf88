//! Several prompts at once, each over a connection of its own.
//!
//! A server makes together what waits at the same time. One that works one by one lets the others wait, or refuses
//! them for a while, which every connection bears by itself.

use std::panic::resume_unwind;
use std::thread::Builder;

use crossbeam_channel::unbounded;

use super::Server;
use crate::backend::relay::{FarWatch, Told};
use crate::backend::{Backend, BackendError, Prompt, Watch};
use crate::voxel::SparseVoxels;

/// One result a prompt, in order. The watches are only used on this thread.
pub(super) fn generate(
    server: &Server,
    prompts: &[Prompt],
    watches: &mut [&mut dyn Watch],
) -> Vec<Result<SparseVoxels, BackendError>> {
    let (news, inbox) = unbounded::<Told>();
    std::thread::scope(|scope| {
        let each = prompts.iter().zip(&*watches).enumerate();
        let started = each.map(|(place, (prompt, watch))| {
            let mut server = server.clone();
            let mut watch = FarWatch::new(place, &**watch, news.clone());
            let thread = Builder::new().name("trellis-server".into());
            thread.spawn_scoped(scope, move || server.generate(prompt, &mut watch))
        });
        let started: Vec<_> = started.collect();
        // The news end with the last thread.
        drop(news);
        for told in inbox {
            told.pass_on(watches);
        }
        let ends = started.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(error) => Err(BackendError::Failed {
                backend: Server::NAME,
                source: error.into(),
            }),
        });
        ends.collect()
    })
}
