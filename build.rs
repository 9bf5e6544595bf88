//! With the feature `python`: tells the library which Python it is linked to, and the linker where programs of this
//! package find that Python's shared library when they start. A game that depends on this package needs the second
//! for its own program too, see the docs of the feature.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "python")]
    {
        let version = pyo3_build_config::get().version();
        println!("cargo::rustc-env=TRELLIS_LINKED_PYTHON={version}");
        pyo3_build_config::add_libpython_rpath_link_args();
        pyo3_build_config::add_python_framework_link_args();
    }
}
