//! [`Log`]: a watch that writes down what it hears, and acts at a stage.

use crossworld_trellis::backend::{Cancelled, Progress, Prompt, Stage, Watch};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;

#[derive(Debug, PartialEq)]
pub enum Heard {
    Progress(Stage, u32, u32),
    Preview(SparseVoxels),
}

/// Acts once, when it first hears of so many steps of a stage, and goes on if that says so.
type Act<'a> = (Stage, u32, Box<dyn FnMut() -> bool + 'a>);

#[derive(Default)]
pub struct Log<'a> {
    pub heard: Vec<Heard>,
    act: Option<Act<'a>>,
}

impl<'a> Log<'a> {
    pub fn acting_at(stage: Stage, step: u32, act: impl FnMut() -> bool + 'a) -> Self {
        Self {
            heard: Vec::new(),
            act: Some((stage, step, Box::new(act))),
        }
    }

    pub fn previews(&self) -> Vec<&SparseVoxels> {
        let previews = self.heard.iter().filter_map(|heard| match heard {
            Heard::Preview(voxels) => Some(voxels),
            Heard::Progress(..) => None,
        });
        previews.collect()
    }

    /// Stages and steps without repetitions.
    pub fn progress(&self) -> Vec<(Stage, u32, u32)> {
        let progress = self.heard.iter().filter_map(|heard| match heard {
            Heard::Progress(stage, step, steps) => Some((*stage, *step, *steps)),
            Heard::Preview(_) => None,
        });
        let mut progress: Vec<_> = progress.collect();
        progress.dedup();
        progress
    }
}

impl Watch for Log<'_> {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        let Progress { stage, step, steps } = progress;
        self.heard.push(Heard::Progress(stage, step, steps));
        // A length of 0 is our own side's, before the server has said anything.
        let is_due = |act: &mut Act<'_>| act.0 == stage && act.1 <= step && steps > 0;
        if let Some((.., mut act)) = self.act.take_if(is_due)
            && !act()
        {
            return Err(Cancelled);
        }
        Ok(())
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        self.heard.push(Heard::Preview(voxels));
        Ok(())
    }
}

/// A red disc on nothing.
pub fn picture() -> Picture {
    let edge = 64_u16;
    let middle = |pixel: u16| (f32::from(pixel) + 0.5) / f32::from(edge) - 0.5;
    let pixels = (0..edge * edge).flat_map(|place| {
        let is_inside = middle(place % edge).hypot(middle(place / edge)) < 0.4;
        if is_inside {
            [200, 30, 30, 255]
        } else {
            [0; 4]
        }
    });
    Picture::new(edge.into(), edge.into(), pixels.collect::<Vec<u8>>()).unwrap()
}

pub fn prompt() -> Prompt {
    Prompt {
        seed: 7,
        ..Prompt::new(picture())
    }
}
