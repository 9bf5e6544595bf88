//! curl and the real server, as docs/server.md shows it.

use crossworld_trellis::backend::Backend;
use crossworld_trellis::format::{glb, voxels};

use crate::log::{Log, picture, prompt};
use crate::running::Running;

/// Has the disc made in a format, with further fields of the form.
fn made(running: &Running, format: &str, fields: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    picture().save_png(&file).unwrap();
    let image = format!("image=@{}", file.display());
    let format = format!("output_format={format}");
    let mut arguments = vec!["-F", &image, "-F", "seed=7", "-F", &format];
    arguments.extend(fields.iter().flat_map(|field| ["-F", *field]));
    running.curl("/generate", &arguments)
}

#[test]
fn curl_gets_the_same_voxels_as_the_backend() {
    let Some(running) = Running::find() else {
        return;
    };
    let streamed = running.server().generate(&prompt(), &mut Log::default());
    assert_eq!(
        voxels::decode(&made(&running, "voxels", &[])).unwrap(),
        streamed.unwrap()
    );
}

#[test]
fn curl_gets_a_mesh_that_can_be_laid_on_a_grid() {
    let Some(running) = Running::find() else {
        return;
    };
    let mesh = made(&running, "glb", &["steps=1"]);
    assert!(mesh.starts_with(b"glTF"));
    assert!(!glb::decode(&mesh, Some(32), false).unwrap().is_empty());
}

#[test]
fn curl_gets_gaussians_and_a_radiance_field() {
    let Some(running) = Running::find() else {
        return;
    };
    let gaussians = made(&running, "ply", &["steps=1"]);
    assert!(gaussians.starts_with(b"ply\nformat binary_little_endian 1.0\n"));
    assert!(gaussians.len() > 1000);
    let field = made(&running, "npy", &["steps=1"]);
    assert!(field.starts_with(b"\x93NUMPY"));
    assert!(field.len() > 1000);
}
