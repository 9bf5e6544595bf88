//! A small place to play in: fly around, dig and build, drop pictures, take photos, type commands.
//!
//! Run it with `cargo sandbox` (an alias of this repository), for example
//! `cargo sandbox --image assets/images/robot.png --resolution 128`. Without a display it runs headless by itself.
//! Keys are shown on screen; the console opens with the key left of 1.

mod aim;
mod args;
mod dig;
mod exhibits;
mod ground;
mod hotbar;
mod hud;
mod pictures;
mod report;
mod scene;
mod screenshot;
mod sky;
mod window;

use bevy::prelude::*;
use clap::Parser;
use crossworld_trellis::prelude::*;

use args::Args;

fn main() -> AppExit {
    let mut args = Args::parse();
    args.settle();
    let mut app = App::new();
    window::add_default_plugins(&mut app, &args);
    app.add_plugins(TrellisPlugin).add_plugins((
        scene::plugin,
        sky::plugin,
        ground::plugin,
        exhibits::plugin,
        pictures::plugin,
        report::plugin,
        screenshot::plugin,
    ));
    if !args.headless {
        app.add_plugins((aim::plugin, dig::plugin, hotbar::plugin, hud::plugin))
            .add_plugins(exhibits::console);
    }
    app.insert_resource(args).run()
}
