//! The Vulkan driver that a window of the game needs on Linux: the files by which Vulkan's loader finds drivers, in the
//! places that its document on drivers ("Vulkan-Loader interface with drivers") names. Other systems bring Metal or
//! DirectX 12.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check::Check;

const NAME: &str = "Vulkan";

/// Variables that name drivers in place of those that are installed; the second is the older name.
const VARIABLES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// Parts of the names of drivers that draw with the processor.
const SOFTWARE: [&str; 4] = ["lvp", "swrast", "llvmpipe", "swiftshader"];

/// Most bytes of a driver's file that are read.
const MAX_BYTES: u64 = 64 << 10;

/// Looks for drivers below a root; `has_display` tells whether a window could open otherwise.
pub fn check(
    variable: &dyn Fn(&str) -> Option<OsString>,
    root: &Path,
    has_display: bool,
) -> Option<Check> {
    cfg!(all(unix, not(target_os = "macos"))).then(|| examine(variable, root, has_display))
}

fn examine(variable: &dyn Fn(&str) -> Option<OsString>, root: &Path, has_display: bool) -> Check {
    let named = VARIABLES
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)));
    let files = match &named {
        Some((_, value)) => std::env::split_paths(value)
            .flat_map(driver_files)
            .collect(),
        None => installed(variable, root),
    };
    let usable: Vec<String> = files
        .iter()
        .filter(|file| is_usable(file))
        .map(|file| stem(file))
        .collect();
    if usable.is_empty() {
        return none(&files, named.map(|(name, _)| name), has_display);
    }
    let draws = |name: &&String| SOFTWARE.iter().any(|word| name.contains(word));
    let names = usable.join(", ");
    if usable.iter().all(|name| draws(&name)) {
        let found = format!("{names}: windows are drawn by the processor, which is slow");
        return Check::note(
            NAME,
            found,
            "install the graphics card's driver, if there is a card",
        );
    }
    Check::ok(NAME, names)
}

/// What to say where there is no driver.
fn none(files: &[PathBuf], named: Option<&str>, has_display: bool) -> Check {
    if let Some(name) = named {
        let found = format!("{name} names no driver that is there");
        return Check::problem(
            NAME,
            found,
            &format!("unset {name}, or name a driver's .json file"),
        );
    }
    let found = match files.first() {
        Some(file) => format!("the library that {} names is missing", file.display()),
        None => "no driver is installed: a window of the game cannot open".into(),
    };
    let remedy = "install the graphics card's driver, or mesa-vulkan-drivers, which needs no card";
    if has_display {
        Check::problem(NAME, found, remedy)
    } else {
        Check::note(NAME, found, remedy)
    }
}

/// Files of drivers in the places that the loader looks into.
fn installed(variable: &dyn Fn(&str) -> Option<OsString>, root: &Path) -> Vec<PathBuf> {
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let own =
        |name: &str, usual: &str| variable(name).map_or_else(|| home.join(usual), PathBuf::from);
    let shared = |name: &str, usual: &str| -> Vec<PathBuf> {
        let list = variable(name).unwrap_or_else(|| usual.into());
        std::env::split_paths(&list).collect()
    };
    let mut places = vec![own("XDG_CONFIG_HOME", ".config")];
    places.extend(shared("XDG_CONFIG_DIRS", "/etc/xdg"));
    places.push("/etc".into());
    places.push(own("XDG_DATA_HOME", ".local/share"));
    places.extend(shared("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
    // NixOS, whose loader is told to look there.
    places.push("/run/opengl-driver/share".into());
    let below = |place: &Path| root.join(place.strip_prefix("/").unwrap_or(place));
    let mut files: Vec<PathBuf> = places
        .iter()
        .flat_map(|place| driver_files(below(place).join("vulkan/icd.d")))
        .collect();
    files.dedup();
    files
}

/// A file itself, or the files of a folder in order.
fn driver_files(place: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&place) else {
        return vec![place]
            .into_iter()
            .filter(|file| file.is_file())
            .collect();
    };
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    files
}

/// Whether the library that a driver's file names is there; a bare name is left to the system.
fn is_usable(file: &Path) -> bool {
    let is_small = fs::metadata(file).is_ok_and(|file| file.len() <= MAX_BYTES);
    let told = fs::read(file).ok().filter(|_| is_small);
    let told = told.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(library) = told
        .as_ref()
        .and_then(|told| told.pointer("/ICD/library_path")?.as_str())
    else {
        return false;
    };
    let beside = file.parent().unwrap_or(Path::new(""));
    !library.contains('/') || beside.join(library).exists()
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tempfile::TempDir;

    use super::super::check::Status;
    use super::*;

    /// A root with files of drivers in the usual place, each naming a library.
    fn root(drivers: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/share/vulkan/icd.d");
        fs::create_dir_all(&folder).unwrap();
        for (name, library) in drivers {
            let text = format!(r#"{{"ICD": {{"library_path": "{library}"}}}}"#);
            fs::write(folder.join(name), text).unwrap();
        }
        root
    }

    fn found(root: &TempDir, variables: &[(&str, &str)], has_display: bool) -> Check {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        let variable = |name: &str| variables.get(name).map(|value| OsString::from(*value));
        examine(&variable, root.path(), has_display)
    }

    #[test]
    fn a_card_s_driver_is_well() {
        let root = root(&[
            ("lvp_icd.x86_64.json", "lib_lvp.so"),
            ("radeon_icd.json", "lib_radeon.so"),
        ]);
        let check = found(&root, &[], true);
        assert_eq!(check, Check::ok("Vulkan", "lvp_icd.x86_64, radeon_icd"));
    }

    #[test]
    fn a_driver_of_the_processor_alone_is_noted() {
        let check = found(&root(&[("lvp_icd.json", "lib_lvp.so")]), &[], true);
        assert_eq!(check.status, Status::Note);
        assert!(check.remedy.unwrap().contains("card's driver"));
    }

    #[test]
    fn no_driver_is_a_problem_where_there_is_a_display_and_a_note_elsewhere() {
        let check = found(&root(&[]), &[], true);
        assert_eq!(check.status, Status::Problem);
        assert!(check.remedy.unwrap().contains("mesa-vulkan-drivers"));
        assert_eq!(found(&root(&[]), &[], false).status, Status::Note);
    }

    #[test]
    fn a_driver_whose_library_is_gone_is_told() {
        let check = found(&root(&[("nvidia_icd.json", "/gone/lib.so")]), &[], true);
        assert_eq!(check.status, Status::Problem);
        assert!(
            check.found.contains("nvidia_icd.json names is missing"),
            "{check}"
        );
    }

    #[test]
    fn a_variable_that_names_a_driver_that_is_not_there_is_told_to_be_unset() {
        let root = root(&[("radeon_icd.json", "lib_radeon.so")]);
        for name in VARIABLES {
            let check = found(&root, &[(name, "/gone.json")], false);
            assert_eq!(check.status, Status::Problem);
            assert!(check.remedy.unwrap().contains(&format!("unset {name}")));
        }
        let there = root.path().join("usr/share/vulkan/icd.d");
        let check = found(&root, &[(VARIABLES[0], there.to_str().unwrap())], false);
        assert_eq!(check, Check::ok("Vulkan", "radeon_icd"));
    }
}
