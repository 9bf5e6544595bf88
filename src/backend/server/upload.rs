//! `POST /generate`: how servers without `/stream` are asked, also those of other projects.
//!
//! They get the leading picture and the seed, and answer with a mesh (`.glb`), which is laid on the grid with its
//! textures, or with voxels. There is no progress; a cancelled request ends by closing the connection.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::http::{Answer, Request, ask};
use super::link::Patience;
use super::{MAX_RESULT_BYTES, Server, ServerError, reply};
use crate::backend::{BackendError, Prompt};
use crate::format::{FormatError, glb, voxels};
use crate::voxel::SparseVoxels;

/// Has the thing made over `POST /generate`.
pub(super) fn generate(
    server: &Server,
    prompt: &Prompt,
    pictures: &[Vec<u8>],
    patience: &mut Patience<'_>,
) -> Result<SparseVoxels, BackendError> {
    let picture = pictures.first().ok_or(BackendError::NoPicture)?;
    if pictures.len() > 1 {
        tracing::warn!(
            "the server has no /stream: only the first of {} pictures is sent ({})",
            pictures.len(),
            server.address
        );
    }
    let boundary = boundary(picture);
    let request = Request {
        method: "POST",
        endpoint: "/generate",
        token: server.token.as_deref(),
        media: Some(format!("multipart/form-data; boundary={boundary}")),
        body: &form(&boundary, picture, prompt.seed),
        limit: MAX_RESULT_BYTES,
    };
    patience.begin(server.timeouts.answer);
    let answer = ask(&server.address, server.timeouts.connect, &request, patience)?;
    let url = server.address.to_string();
    if !(200..300).contains(&answer.status) {
        return Err(reply::refusal(answer.status, &answer.body, answer.retry_after, url).into());
    }
    read(&answer, prompt.resolution, url).map_err(Into::into)
}

fn read(answer: &Answer, resolution: u32, url: String) -> Result<SparseVoxels, ServerError> {
    let read = if answer.body.starts_with(b"glTF") {
        glb::decode(&answer.body, Some(resolution), false).map_err(FormatError::from)
    } else if answer
        .media
        .starts_with("application/vnd.crossworld.voxels")
    {
        voxels::decode(&answer.body)
    } else {
        let media = Some(answer.media.as_str()).filter(|media| !media.is_empty());
        return Err(ServerError::Protocol {
            problem: format!("it sent {} instead of a .glb", media.unwrap_or("something")),
            url,
        });
    };
    read.map_err(|source| ServerError::Damaged {
        source: source.into(),
        url,
    })
}

/// A line that does not stand in the picture.
fn boundary(picture: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    picture.hash(&mut hasher);
    format!("crossworld-trellis-{:016x}", hasher.finish())
}

fn form(boundary: &str, picture: &[u8], seed: u64) -> Vec<u8> {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"seed\"\r\n\r\n{seed}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"picture.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    );
    let mut form = head.into_bytes();
    form.extend(picture);
    form.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    form
}
