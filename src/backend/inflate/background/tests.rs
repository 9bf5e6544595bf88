#![expect(clippy::cast_possible_truncation, reason = "coordinates below 96")]

use super::super::color::byte;
use super::*;

const SIZE: usize = 96;

fn picture(paint: impl Fn(usize, usize) -> [u8; 3]) -> Grid<[u8; 4]> {
    let pixel = |place: usize| {
        let [r, g, b] = paint(place % SIZE, place / SIZE);
        [r, g, b, 255]
    };
    Grid::from_cells(SIZE, (0..SIZE * SIZE).map(pixel).collect())
}

/// A number from 0 to 1 that looks random.
fn grain(x: usize, y: usize) -> f32 {
    let mut hash = (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
    (hash >> 8) as f32 / (1 << 24) as f32
}

fn disc(x: usize, y: usize, center: [f32; 2], radius: f32) -> bool {
    (x as f32 - center[0]).hypot(y as f32 - center[1]) <= radius
}

fn ball(x: usize, y: usize) -> bool {
    disc(x, y, [48.0, 50.0], 30.0)
}

/// Intersection over union of the cut-out with what it should be.
fn overlap(weight: &Grid<u8>, truth: impl Fn(usize, usize) -> bool) -> f32 {
    let (mut both, mut either) = (0.0, 0.0);
    for place in 0..weight.len() {
        let [x, y] = weight.position(place);
        let (a, b) = (weight[place] > 0, truth(x, y));
        both += f32::from(u8::from(a && b));
        either += f32::from(u8::from(a || b));
    }
    both / either
}

#[test]
fn an_object_is_told_from_a_plain_background() {
    let weight = weights(&picture(
        |x, y| if ball(x, y) { [200, 40, 30] } else { [255; 3] },
    ));
    assert!(overlap(&weight.unwrap(), ball) > 0.999);
}

#[test]
fn an_object_is_told_from_a_sky() {
    let sky = |y: usize| [180 + y as u8 / 2, 210 + y as u8 / 4, 250 - y as u8 / 2];
    let weight = weights(&picture(
        |x, y| if ball(x, y) { [90, 80, 110] } else { sky(y) },
    ));
    assert!(overlap(&weight.unwrap(), ball) > 0.99);
}

#[test]
fn an_object_is_told_from_a_dark_grainy_backdrop_with_a_vignette() {
    let backdrop = |x: usize, y: usize| {
        let off = (x as f32 / 48.0 - 1.0).powi(2) + (y as f32 / 48.0 - 1.0).powi(2);
        let channel = |c: usize| byte(70.0 - 14.0 * off + 12.0 * (grain(x, y + 200 * c) - 0.5));
        [channel(0), channel(1), channel(2)]
    };
    let weight = weights(&picture(|x, y| {
        if ball(x, y) {
            [190, 150, 40]
        } else {
            backdrop(x, y)
        }
    }));
    let overlap = overlap(&weight.unwrap(), ball);
    assert!(overlap > 0.95, "{overlap}");
}

#[test]
fn an_object_may_stand_on_the_pictures_edge() {
    let stands = |x: usize, y: usize| (30..66).contains(&x) && y > 20;
    let weight = weights(&picture(
        |x, y| if stands(x, y) { [40, 90, 30] } else { [230; 3] },
    ));
    assert!(overlap(&weight.unwrap(), stands) > 0.999);
}

#[test]
fn the_hole_of_a_handle_is_open_and_a_white_eye_is_not() {
    let eye = |x, y| disc(x, y, [40.0, 50.0], 8.0);
    let hole = |x, y| disc(x, y, [82.0, 50.0], 6.0);
    let cup = |x, y| (ball(x, y) || disc(x, y, [82.0, 50.0], 10.0)) && !hole(x, y);
    let weight = weights(&picture(|x, y| {
        if cup(x, y) && !eye(x, y) {
            [30, 60, 160]
        } else {
            [255; 3]
        }
    }));
    let weight = weight.unwrap();
    assert!(overlap(&weight, cup) > 0.99);
    assert_eq!(weight[[40, 50]], 255);
    assert_eq!(weight[[82, 50]], 0);
}

#[test]
fn a_penguins_white_belly_is_no_hole() {
    let belly = |x, y| disc(x, y, [48.0, 52.0], 24.0);
    let weight = weights(&picture(|x, y| {
        if ball(x, y) && !belly(x, y) {
            [20; 3]
        } else {
            [255; 3]
        }
    }));
    assert!(overlap(&weight.unwrap(), ball) > 0.999);
}

#[test]
fn rim_pixels_hardly_count() {
    let weight = weights(&picture(
        |x, y| if ball(x, y) { [200, 40, 30] } else { [255; 3] },
    ));
    let weight = weight.unwrap();
    assert_eq!(weight[[48, 20]], RIM_WEIGHT);
    assert_eq!(weight[[48, 22]], 255);
}

#[test]
fn pictures_without_a_calm_background_are_refused() {
    let noise = |x: usize, y: usize| [0, 1, 2].map(|c| byte(255.0 * grain(x, y + 300 * c)));
    assert_eq!(weights(&picture(noise)).unwrap_err(), CutOutError::Busy);
    let corner = |x: usize, y: usize| if x + y < 60 { [255; 3] } else { [50, 90, 40] };
    assert!(
        weights(&picture(corner)).is_ok(),
        "the larger side is the backdrop"
    );
    assert_eq!(
        weights(&picture(|_, _| [7; 3])).unwrap_err(),
        CutOutError::Uniform
    );
}
