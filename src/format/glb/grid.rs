//! The grid of a model in the file's `asset.extras`: programs that change a mesh do not keep it there.

use glam::{DVec3, Vec3};
use serde_json::{Value, json};

use crate::voxelize::Grid;

const KEY: &str = "crossworld_voxels";

/// Longer descriptions than this are none of ours, and are not read twice.
const MAX_JSON_BYTES: usize = 64 << 10;

/// The entry of a model.
pub(super) fn extras(resolution: u32, voxel_size: f32, origin: Vec3) -> Value {
    json!({ KEY: {
        "resolution": resolution,
        "voxel_size": voxel_size,
        "origin": origin.to_array(),
    }})
}

/// Cells an axis of the model that a file was made from.
pub(super) fn resolution(json: &[u8]) -> Option<u32> {
    let resolution = entry(json)?.get("resolution")?.as_u64()?;
    u32::try_from(resolution).ok()
}

/// The grid of the model that a file was made from, if it had this resolution.
pub(super) fn read(json: &[u8], resolution: u32) -> Option<Grid> {
    let grid = entry(json)?;
    if grid.get("resolution")?.as_u64() != Some(resolution.into()) {
        return None;
    }
    let voxel_size = grid.get("voxel_size")?.as_f64()?;
    let mut origin = grid.get("origin")?.as_array()?.iter().map(Value::as_f64);
    let origin = DVec3::new(origin.next()??, origin.next()??, origin.next()??);
    (voxel_size > 0.0)
        .then(|| Grid::of_model(resolution, voxel_size, origin).ok())
        .flatten()
}

/// What a file says of the grid it was made from.
fn entry(json: &[u8]) -> Option<Value> {
    if json.len() > MAX_JSON_BYTES {
        return None;
    }
    let json: Value = serde_json::from_slice(json).ok()?;
    json.get("asset")?.get("extras")?.get(KEY).cloned()
}
