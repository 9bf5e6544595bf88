//! [`PythonError`]: why the Python inside this process made nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::InterpreterError;
use crate::format::FormatError;

/// Why the Python inside this process made nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// There is no Python whose packages could be used.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// The Python that was found does not run.
    #[error("this Python does not run ({problem}): install it anew, or set TRELLIS_PYTHON to another one ({})", program.display())]
    Broken {
        /// What was out of order.
        problem: String,
        /// The program.
        program: PathBuf,
    },
    /// The Python that was found says nothing.
    #[error("this Python said nothing for {} s: try again, or set TRELLIS_PYTHON to another one ({})", after.as_secs(), program.display())]
    Silent {
        /// How long it was waited for.
        after: Duration,
        /// The program.
        program: PathBuf,
    },
    /// The Python that was found is of another version than the one this program is linked to.
    #[error(
        "the packages are those of Python {found}, but this program was built for Python {linked}: set TRELLIS_PYTHON \
         to a Python {linked} that has them, or build with PYO3_PYTHON={} ({})", program.display(), program.display()
    )]
    Version {
        /// Version of the Python that was found.
        found: String,
        /// Version that this program is linked to.
        linked: &'static str,
        /// The program that was found.
        program: PathBuf,
    },
    /// This process has taken up the packages of another Python, which cannot be undone.
    #[error("this process runs the packages of another Python already ({}): start it again to use those of {}", running.display(), wanted.display())]
    AnotherRuns {
        /// The program whose packages are used.
        running: PathBuf,
        /// The program whose packages were asked for.
        wanted: PathBuf,
    },
    /// A package is not installed there.
    #[error("the Python package {package} is missing: run '{} -m pip install {}'", program.display(), install(package))]
    MissingPackage {
        /// The name it is imported by.
        package: String,
        /// The Python that lacks it.
        program: PathBuf,
    },
    /// The package `crossworld_trellis` is of another version than this program.
    #[error("the Python package crossworld_trellis {found} does not fit this program: install the one that came with it ({})", program.display())]
    Package {
        /// What it says about itself.
        found: String,
        /// The Python that has it.
        program: PathBuf,
    },
    /// The checkpoint is not there, not whole, or not one that can be run.
    #[error("{0}")]
    Checkpoint(String),
    /// The device has too little memory, also for the sparing way.
    #[error("{0}")]
    DeviceMemory(String),
    /// The process has lost its device.
    #[error("{0}")]
    DeviceLost(String),
    /// This computer has too little memory.
    #[error("Python ran out of memory: close other programs, or ask for a lower resolution")]
    Memory,
    /// The model refused the request; the message tells what to do.
    #[error("{0}")]
    Refused(String),
    /// Python wanted to end the process.
    #[error(
        "Python wanted to end the program ({0}), which was not let: its own output may tell why"
    )]
    Exit(String),
    /// Python was interrupted.
    #[error("Python was interrupted: try again")]
    Interrupted,
    /// Python raised something else.
    #[error("Python raised {kind}: {message}")]
    Raised {
        /// The exception's class.
        kind: String,
        /// What it said, in one line.
        message: String,
    },
    /// The voxels that came are damaged.
    #[error("Python made a damaged result: {0}")]
    Damaged(Arc<FormatError>),
    /// The thread that runs Python could not be started, or is gone.
    #[error("the thread that runs Python {0}: try again")]
    Thread(&'static str),
}

/// What pip calls a package.
fn install(package: &str) -> &str {
    match package {
        "PIL" => "pillow",
        // From a checkout, as the README tells.
        "crossworld_trellis" => "./python",
        other => other,
    }
}
