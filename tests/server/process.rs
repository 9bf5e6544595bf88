//! Processes of the system's, by their numbers.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Kills a process as the system does when memory runs out.
pub fn kill(process: u32) {
    assert!(shell(&format!("kill -9 {process}")));
}

/// Whether a process runs. One that has ended and was not asked how does not.
pub fn is_alive(process: u32) -> bool {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(told) => !told
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z'),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => shell(&format!("kill -0 {process} 2>/dev/null")),
    }
}

fn shell(line: &str) -> bool {
    let done = Command::new("sh").args(["-c", line]).status();
    done.unwrap().success()
}
