//! [`Picture`]: decoded pixels, and the one place where picture files are read and written.
//!
//! sRGB bytes with straight alpha, rows from the top. Knows no Bevy; every way a picture comes in (asset, file,
//! bytes, photo of a camera) ends in this type. Limits are checked on the header, before any pixel is decoded.

use std::fmt;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

/// Pixels of a picture. Cloning is cheap: the pixels are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgba: Arc<[u8]>,
}

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file could not be read.
    #[error("cannot read the picture: {source} ({})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write the picture: {source} ({})", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system or encoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The picture could not be encoded.
    #[error("cannot encode the picture: {source}")]
    Unencodable {
        /// What the encoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes are no picture of a known format.
    #[error("this is not a picture: give a PNG, JPEG or WebP file")]
    NotAPicture,
    /// The picture's data is damaged or cut short.
    #[error("the picture is damaged: {source}; save it again as PNG")]
    Damaged {
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The picture has no pixels.
    #[error("the picture is empty ({width} x {height}): give one with at least one pixel")]
    Empty {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The picture has more than [`Picture::MAX_PIXELS`] pixels or is longer than [`Picture::MAX_EDGE`].
    #[error(
        "the picture is too large ({width} x {height}): scale it down to at most {} megapixels, {} pixels an edge",
        Picture::MAX_PIXELS >> 20, Picture::MAX_EDGE
    )]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The file has more than [`Picture::MAX_FILE_BYTES`].
    #[error("the file has more than {} MiB: this is hardly a picture ({})", Picture::MAX_FILE_BYTES >> 20, path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The pixel data does not match the size.
    #[error("a picture of {width} x {height} needs {expected} bytes of RGBA, got {got}")]
    Length {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes needed.
        expected: u64,
        /// Bytes given.
        got: usize,
    },
}

impl Picture {
    /// Most pixels a picture may have.
    pub const MAX_PIXELS: u64 = 16 << 20;

    /// Most bytes of a picture file that are read.
    pub const MAX_FILE_BYTES: u64 = 64 << 20;

    /// Most pixels along an edge.
    pub const MAX_EDGE: u32 = 16 << 10;

    /// A picture of raw pixels: sRGB with straight alpha, 4 bytes each, rows from the top.
    ///
    /// # Errors
    /// [`PictureError::Empty`], [`PictureError::TooLarge`] or [`PictureError::Length`].
    pub fn new(width: u32, height: u32, rgba: impl Into<Arc<[u8]>>) -> Result<Self, PictureError> {
        check_size(width, height)?;
        let rgba = rgba.into();
        let expected = u64::from(width) * u64::from(height) * 4;
        if rgba.len() as u64 != expected {
            return Err(PictureError::Length {
                width,
                height,
                expected,
                got: rgba.len(),
            });
        }
        Ok(Self {
            width,
            height,
            rgba,
        })
    }

    /// Decodes a picture file held in memory: PNG, JPEG or WebP, told by its content. A photo is turned upright as
    /// its EXIF orientation says.
    ///
    /// # Errors
    /// [`PictureError`] as the bytes deserve.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|source| PictureError::Damaged {
                source: source.into(),
            })?;
        if !matches!(
            reader.format(),
            Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
        ) {
            return Err(PictureError::NotAPicture);
        }
        let mut decoder = reader.into_decoder().map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        check_size(width, height)?;
        let orientation = decoder.orientation().map_err(damaged)?;
        let mut pixels = DynamicImage::from_decoder(decoder).map_err(damaged)?;
        pixels.apply_orientation(orientation);
        let pixels = pixels.into_rgba8();
        Self::new(pixels.width(), pixels.height(), pixels.into_raw())
    }

    /// Reads and decodes a picture file, see [`Picture::decode`].
    ///
    /// # Errors
    /// [`PictureError::Unreadable`] where the file cannot be read, else as [`Picture::decode`].
    pub fn open(path: &Path) -> Result<Self, PictureError> {
        let unreadable = |source| PictureError::Unreadable {
            path: path.into(),
            source,
        };
        let mut bytes = Vec::new();
        // The limit holds for devices and pipes too, which tell no size.
        File::open(path)
            .map_err(unreadable)?
            .take(Self::MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > Self::MAX_FILE_BYTES {
            return Err(PictureError::FileTooLarge { path: path.into() });
        }
        Self::decode(&bytes)
    }

    /// Writes the picture as PNG.
    ///
    /// # Errors
    /// [`PictureError::Unwritable`].
    pub fn save_png(&self, path: &Path) -> Result<(), PictureError> {
        image::save_buffer_with_format(
            path,
            &self.rgba,
            self.width,
            self.height,
            image::ExtendedColorType::Rgba8,
            ImageFormat::Png,
        )
        .map_err(|source| PictureError::Unwritable {
            path: path.into(),
            source: source.into(),
        })
    }

    /// The picture as a PNG file in memory.
    ///
    /// # Errors
    /// [`PictureError::Unencodable`].
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut bytes = Cursor::new(Vec::new());
        image::write_buffer_with_format(
            &mut bytes,
            &self.rgba,
            self.width,
            self.height,
            image::ExtendedColorType::Rgba8,
            ImageFormat::Png,
        )
        .map_err(|source| PictureError::Unencodable {
            source: source.into(),
        })?;
        Ok(bytes.into_inner())
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels, row by row from the top.
    #[must_use]
    pub fn pixels(&self) -> &[[u8; 4]] {
        bytemuck::cast_slice(&self.rgba)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

pub(crate) fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        Err(PictureError::Empty { width, height })
    } else if u64::from(width) * u64::from(height) > Picture::MAX_PIXELS
        || width.max(height) > Picture::MAX_EDGE
    {
        Err(PictureError::TooLarge { width, height })
    } else {
        Ok(())
    }
}

fn damaged(error: ImageError) -> PictureError {
    PictureError::Damaged {
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgba8(width, height)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    /// The size fields of a PNG's header, with the header's checksum made right again.
    fn claiming(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        png
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| {
                (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn a_png_decodes_to_its_pixels() {
        let pixels = vec![1, 2, 3, 255, 4, 5, 6, 0];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.png");
        let picture = Picture::new(2, 1, pixels).unwrap();
        picture.save_png(&path).unwrap();
        assert_eq!(Picture::open(&path).unwrap(), picture);
        assert_eq!(picture.pixels(), [[1, 2, 3, 255], [4, 5, 6, 0]]);
        assert_eq!(
            Picture::decode(&picture.to_png().unwrap()).unwrap(),
            picture
        );
    }

    #[test]
    fn text_is_not_a_picture() {
        let error = Picture::decode(b"Dear diary, today I drew a cat.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not a picture: give a PNG, JPEG or WebP file"
        );
        assert!(matches!(
            Picture::decode(b"").unwrap_err(),
            PictureError::NotAPicture
        ));
    }

    #[test]
    fn a_png_cut_anywhere_is_an_error_and_never_a_panic() {
        let whole = png(9, 7);
        for length in 0..whole.len() - 12 {
            assert!(
                Picture::decode(&whole[..length]).is_err(),
                "cut to {length} bytes"
            );
        }
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        assert!(Picture::decode(&claiming(png(1, 1), 0, 0)).is_err());
        assert!(matches!(
            Picture::new(0, 5, vec![]).unwrap_err(),
            PictureError::Empty {
                width: 0,
                height: 5
            }
        ));
    }

    #[test]
    fn a_huge_header_is_refused_before_memory_is_taken() {
        let error = Picture::decode(&claiming(png(1, 1), 20_000, 20_000)).unwrap_err();
        assert!(
            matches!(
                error,
                PictureError::TooLarge {
                    width: 20_000,
                    height: 20_000
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("20000 x 20000"));
    }

    #[test]
    fn pixels_that_do_not_fill_the_size_are_refused() {
        let error = Picture::new(2, 2, vec![0; 15]).unwrap_err();
        assert!(matches!(
            error,
            PictureError::Length {
                expected: 16,
                got: 15,
                ..
            }
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("no/such/cat.png");
        let error = Picture::open(path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }

    #[test]
    fn a_file_too_large_for_a_picture_is_refused_before_it_fills_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(Picture::MAX_FILE_BYTES + 1).unwrap();
        let error = Picture::open(file.path()).unwrap_err();
        assert!(
            matches!(error, PictureError::FileTooLarge { .. }),
            "{error}"
        );
    }
}
