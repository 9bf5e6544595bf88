//! Files: readers and writers of voxel formats, chosen by extension.
//!
//! [`load`] and [`save`] know every format through one table; a format's own module works on bytes in memory and
//! knows no files. Files are written beside their place and renamed, so a crash leaves the old file or the new one.
//! Everything read is outside data: bad bytes end in a [`FormatError`], never in a panic, and memory is taken only for
//! bytes that are there. Frame of all values: right-handed, +Y up, front at +Z. What each format can hold is told in
//! docs/formats.md.

mod atomic;
pub mod bcf;
mod contents;
pub mod csm;
pub mod dump;
mod error;
pub mod glb;
pub mod vox;
pub mod voxels;

pub use atomic::{check_writable, write_atomically};
pub use contents::{Contents, PaletteChoice};
pub use error::FormatError;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::voxel::ColorMatch;

/// Most bytes of a file that [`load`] reads: about 100 million voxels.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// How meshes become voxels; other formats are read as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Cells per axis; where it is not told, a mesh that was made of voxels keeps their grid, and others get 64.
    pub resolution: Option<u32>,
    /// Whether closed surfaces are filled inside.
    pub fill: bool,
}

/// A file format: how its extension is spelt and what it can do.
struct Format {
    extension: &'static str,
    decode: fn(&[u8], &ReadOptions) -> Result<Contents, FormatError>,
    encode: fn(&Contents) -> Result<Vec<u8>, FormatError>,
    /// Whether it holds Crossworld's materials and nothing else.
    only_materials: bool,
}

const FORMATS: &[Format] = &[
    Format {
        extension: "voxels",
        decode: |bytes, _| Ok(Contents::Sparse(voxels::decode(bytes)?)),
        encode: |contents| Ok(voxels::encode(&contents.to_sparse()?)),
        only_materials: false,
    },
    Format {
        extension: "csm",
        decode: |bytes, _| Ok(Contents::Materials(csm::decode(bytes)?)),
        encode: |contents| {
            Ok(csm::encode_with_depth(
                &contents.to_materials(ColorMatch::default())?,
            )?)
        },
        only_materials: true,
    },
    Format {
        extension: "bcf",
        decode: |bytes, _| Ok(Contents::Materials(bcf::decode(bytes)?)),
        encode: |contents| {
            Ok(bcf::encode_with_depth(
                &contents.to_materials(ColorMatch::default())?,
            )?)
        },
        only_materials: true,
    },
    Format {
        extension: "vox",
        decode: |bytes, _| Ok(Contents::Model(vox::decode(bytes)?)),
        encode: |contents| Ok(vox::encode(&contents.to_model()?)?),
        only_materials: false,
    },
    Format {
        extension: "glb",
        decode: |bytes, options| {
            let voxels = glb::decode(bytes, options.resolution, options.fill)?;
            Ok(Contents::Sparse(voxels))
        },
        encode: |contents| Ok(glb::encode(&contents.to_model()?)?),
        only_materials: false,
    },
];

/// Reads a file in the format that its extension names.
///
/// # Errors
/// [`FormatError::UnknownExtension`], [`FormatError::Unreadable`], [`FormatError::TooLarge`], else what the format's
/// decoder says.
pub fn load(path: &Path, options: &ReadOptions) -> Result<Contents, FormatError> {
    check_extension(path)?;
    decode(path, &read(path)?, options)
}

/// What the bytes of a file hold, in the format that its extension names.
///
/// # Errors
/// [`FormatError::UnknownExtension`], [`FormatError::TooLarge`], else what the format's decoder says.
pub fn decode(path: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Contents, FormatError> {
    let format = format_of(path)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(FormatError::TooLarge { path: path.into() });
    }
    (format.decode)(bytes, options)
}

/// Writes a file in the format that its extension names; see [`write_atomically`] for what a crash leaves.
///
/// # Errors
/// [`FormatError::UnknownExtension`], [`FormatError::OnlyMaterials`], [`FormatError::Unwritable`], else why the format
/// cannot hold it.
pub fn save(path: &Path, contents: Contents, palette: PaletteChoice) -> Result<(), FormatError> {
    let bytes = encode(path, contents, palette)?;
    write_atomically(path, &bytes)
}

/// The bytes that [`save`] writes.
///
/// # Errors
/// As [`save`], but for writing.
pub fn encode(
    path: &Path,
    contents: Contents,
    palette: PaletteChoice,
) -> Result<Vec<u8>, FormatError> {
    let format = format_of(path)?;
    if format.only_materials && palette == PaletteChoice::Model {
        return Err(FormatError::OnlyMaterials { path: path.into() });
    }
    (format.encode)(&contents.recolored(palette)?)
}

/// Whether [`load`] and [`save`] know the format that a path's extension names.
///
/// # Errors
/// [`FormatError::UnknownExtension`].
pub fn check_extension(path: &Path) -> Result<(), FormatError> {
    format_of(path).map(|_| ())
}

/// Extensions that [`load`] and [`save`] know, without the dot.
pub fn extensions() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|format| format.extension)
}

fn format_of(path: &Path) -> Result<&'static Format, FormatError> {
    FORMATS
        .iter()
        .find(|format| {
            path.extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case(format.extension))
        })
        .ok_or_else(|| FormatError::UnknownExtension {
            path: path.into(),
            known: extensions().collect(),
        })
}

/// All bytes of a file of at most [`MAX_FILE_BYTES`]; the limit holds for devices and pipes too, which tell no size.
///
/// # Errors
/// [`FormatError::Unreadable`], [`FormatError::TooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, FormatError> {
    let unreadable = |source| FormatError::Unreadable {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // What tells its size need not be read to be refused.
    if file.metadata().map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(FormatError::TooLarge { path: path.into() });
    }
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(FormatError::TooLarge { path: path.into() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voxel::SparseVoxels;

    fn pair() -> SparseVoxels {
        let coords = vec![[0, 0, 0], [7, 3, 1]];
        SparseVoxels::new(8, coords, vec![[1, 2, 3, 255], [4, 5, 6, 7]], None).unwrap()
    }

    #[test]
    fn a_saved_file_loads_as_the_same_voxels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pair.voxels");
        let contents = Contents::Sparse(pair());
        save(&path, contents.clone(), PaletteChoice::Auto).unwrap();
        assert_eq!(load(&path, &ReadOptions::default()).unwrap(), contents);
    }

    #[test]
    fn extensions_are_told_in_any_case() {
        assert!(check_extension(Path::new("A.VOXELS")).is_ok());
    }

    #[test]
    fn an_unknown_extension_is_refused_with_the_ones_there_are() {
        for name in ["model.obj", "model", ".voxels", ""] {
            let error = check_extension(Path::new(name)).unwrap_err();
            let FormatError::UnknownExtension { known, .. } = error else {
                panic!("{name}: {error}");
            };
            assert_eq!(known, ["voxels", "csm", "bcf", "vox", "glb"]);
        }
    }

    #[test]
    fn a_missing_file_and_a_folder_are_unreadable_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("folder.voxels");
        std::fs::create_dir(&inner).unwrap();
        for path in [inner, folder.path().join("nobody.voxels")] {
            let error = load(&path, &ReadOptions::default()).unwrap_err();
            assert!(matches!(error, FormatError::Unreadable { .. }), "{error}");
            assert!(error.to_string().contains(&path.display().to_string()));
        }
    }
}
