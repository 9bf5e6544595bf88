//! [`CacheKey`]: what a kept result is found by.

use std::fmt;

use blake3::Hasher;

use crate::backend::Prompt;

/// Changes when the same parts would make another key, or entries are written otherwise.
const FORMAT: u64 = 1;

/// BLAKE3 of all that decides a result: who makes it and what of, pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of what a backend of a name and identity ([`crate::backend::Backend::cache_identity`]) makes of a
    /// prompt.
    #[must_use]
    pub fn new(backend: &str, identity: &str, prompt: &Prompt) -> Self {
        let Prompt {
            pictures,
            seed,
            resolution,
        } = prompt;
        let mut hasher = Hasher::new();
        number(&mut hasher, FORMAT);
        text(&mut hasher, backend);
        text(&mut hasher, identity);
        number(&mut hasher, *seed);
        number(&mut hasher, u64::from(*resolution));
        number(&mut hasher, pictures.len() as u64);
        for picture in pictures {
            number(&mut hasher, u64::from(picture.width()));
            number(&mut hasher, u64::from(picture.height()));
            hasher.update(picture.pixels().as_flattened());
        }
        Self(hasher.finalize().into())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CacheKey {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn number(hasher: &mut Hasher, number: u64) {
    hasher.update(&number.to_le_bytes());
}

/// The length leads, so that no two lists of texts look alike.
fn text(hasher: &mut Hasher, text: &str) {
    number(hasher, text.len() as u64);
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::picture::Picture;

    fn picture(width: u32, height: u32, level: u8) -> Picture {
        let bytes = (width * height * 4) as usize;
        Picture::new(width, height, vec![level; bytes]).unwrap()
    }

    #[test]
    fn whatever_decides_a_result_decides_its_key() {
        let prompt = Prompt::new(picture(2, 3, 7));
        let with = |change: &dyn Fn(&mut Prompt)| {
            let mut changed = prompt.clone();
            change(&mut changed);
            CacheKey::new("a", "bc", &changed)
        };
        let keys = [
            CacheKey::new("a", "bc", &prompt),
            CacheKey::new("ab", "c", &prompt),
            CacheKey::new("a", "bd", &prompt),
            with(&|prompt| prompt.seed = 1),
            with(&|prompt| prompt.resolution = 65),
            with(&|prompt| prompt.pictures = vec![picture(3, 2, 7)]),
            with(&|prompt| prompt.pictures = vec![picture(2, 3, 8)]),
            with(&|prompt| prompt.pictures.push(picture(2, 3, 7))),
            with(&|prompt| prompt.pictures.clear()),
        ];
        assert_eq!(BTreeSet::from(keys).len(), keys.len());
        assert_eq!(keys[0], with(&|_| {}));
        assert_eq!(keys[0].to_string().len(), 64);
    }
}
