//! Tests of whole pictures of small models.

use proptest::prelude::*;

use super::*;
use crate::voxel::SparseVoxels;

/// Everything that is inside, coloured by place.
fn model(resolution: u16, color: impl Fn(Vec3) -> Option<[u8; 3]>) -> VoxelModel {
    let mut coords = Vec::new();
    let mut rgba = Vec::new();
    for z in 0..resolution {
        for y in 0..resolution {
            for x in 0..resolution {
                let cell = [x, y, z];
                let middle = Vec3::from(cell.map(f32::from)) + 0.5;
                // From -1 to 1 along the ground, from 0 to 2 upwards.
                let at = middle * 2.0 / f32::from(resolution) - Vec3::new(1.0, 0.0, 1.0);
                if let Some([r, g, b]) = color(at) {
                    coords.push(cell);
                    rgba.push([r, g, b, 255]);
                }
            }
        }
    }
    let voxels = SparseVoxels::new(u32::from(resolution), coords, rgba, None).unwrap();
    VoxelModel::from(&voxels)
}

fn ball() -> VoxelModel {
    model(24, |at| {
        (at.distance(Vec3::Y) < 0.95).then_some([210, 80, 60])
    })
}

/// A block whose six sides differ: left (+X) red, right blue, front (+Z) green, back yellow, top white, bottom black.
fn die() -> VoxelModel {
    model(8, |at| {
        let colors = [
            (at.y > 1.8, [255, 255, 255]),
            (at.y < 0.2, [0, 0, 0]),
            (at.x > 0.8, [255, 0, 0]),
            (at.x < -0.8, [0, 0, 255]),
            (at.z > 0.8, [0, 255, 0]),
            (at.z < -0.8, [255, 255, 0]),
            (true, [255, 0, 255]),
        ];
        colors
            .into_iter()
            .find(|(here, _)| *here)
            .map(|(_, color)| color)
    })
}

fn place(model: &VoxelModel) -> Placed<'_> {
    Placed {
        model,
        position: Vec3::ZERO,
        voxel_size: 0.1,
    }
}

/// A small view of an angle without background.
fn clear(yaw: f32, pitch: f32) -> View {
    View {
        yaw,
        pitch,
        width: 64,
        height: 64,
        background: Background::Transparent,
    }
}

fn drawn(models: &[Placed<'_>], view: &View) -> Picture {
    render(models, view).unwrap()
}

/// Mean red, green and blue of the model's pixels from one column to another.
fn mean(picture: &Picture, columns: std::ops::Range<u32>) -> [f32; 3] {
    let places = (0..).zip(picture.pixels());
    let inside = places
        .filter(|(place, pixel)| columns.contains(&(place % picture.width())) && pixel[3] == 255);
    let pixels: Vec<&[u8; 4]> = inside.map(|(_, pixel)| pixel).collect();
    std::array::from_fn(|channel| {
        let sum: f32 = pixels.iter().map(|pixel| f32::from(pixel[channel])).sum();
        sum / pixels.len() as f32
    })
}

/// Columns and rows from the first to the last pixel of the models.
fn frame(picture: &Picture) -> [std::ops::RangeInclusive<u32>; 2] {
    let width = picture.width();
    let solid = |&(_, pixel): &(u32, &[u8; 4])| pixel[3] == 255;
    let places: Vec<u32> = (0..)
        .zip(picture.pixels())
        .filter(solid)
        .map(|(place, _)| place)
        .collect();
    let span = |along: &dyn Fn(u32) -> u32| {
        let ends = places.iter().map(|&place| along(place));
        ends.clone().min().unwrap()..=ends.max().unwrap()
    };
    [span(&|place| place % width), span(&|place| place / width)]
}

#[test]
fn each_yaw_sees_the_side_that_the_documentation_says() {
    let die = die();
    let seen = |yaw| mean(&drawn(&[place(&die)], &clear(yaw, 0.0)), 24..40);
    let [r, g, b] = seen(0.0);
    assert!(g > 2.0 * r && g > 2.0 * b, "front is green: {r} {g} {b}");
    let [r, g, b] = seen(90.0);
    assert!(r > 2.0 * g && r > 2.0 * b, "left is red: {r} {g} {b}");
    let [r, g, b] = seen(-90.0);
    assert!(b > 2.0 * r && b > 2.0 * g, "right is blue: {r} {g} {b}");
    let [r, g, b] = seen(180.0);
    assert!(r > 2.0 * b && g > 2.0 * b, "back is yellow: {r} {g} {b}");
}

#[test]
fn a_small_positive_yaw_brings_the_left_side_into_view_on_the_right() {
    let die = die();
    let picture = drawn(&[place(&die)], &clear(40.0, 0.0));
    let [left, right] = [mean(&picture, 12..26), mean(&picture, 44..56)];
    assert!(
        left[1] > left[0] && right[0] > right[1],
        "{left:?} {right:?}"
    );
}

#[test]
fn pitch_looks_from_above_or_below() {
    let die = die();
    let above = mean(&drawn(&[place(&die)], &clear(0.0, 89.0)), 28..36);
    let below = mean(&drawn(&[place(&die)], &clear(0.0, -89.0)), 28..36);
    assert!(above.iter().all(|&channel| channel > 200.0), "{above:?}");
    assert!(below.iter().all(|&channel| channel < 60.0), "{below:?}");
}

#[test]
fn models_fill_the_frame_and_stay_inside_it() {
    let (ball, die) = (ball(), die());
    let far = Placed {
        position: Vec3::new(6.0, 1.0, -4.0),
        voxel_size: 0.3,
        ..place(&die)
    };
    for models in [&[place(&ball)][..], &[far], &[place(&ball), far]] {
        for (yaw, pitch) in [(0.0, 0.0), (30.0, 20.0), (200.0, 75.0), (-65.0, -40.0)] {
            let [columns, rows] = frame(&drawn(models, &clear(yaw, pitch)));
            let largest = (columns.end() - columns.start()).max(rows.end() - rows.start());
            assert!((44..62).contains(&largest), "{yaw} {pitch}: {largest}");
            for span in [columns, rows] {
                let middle = span.start().midpoint(*span.end());
                assert!((29..=34).contains(&middle), "{yaw} {pitch}: {span:?}");
            }
        }
    }
}

#[test]
fn a_solid_model_shows_no_cracks() {
    let die = die();
    for step in 0..24u8 {
        let angle = f32::from(step);
        let picture = drawn(&[place(&die)], &clear(angle * 15.3, angle * 3.1));
        for row in picture.pixels().chunks_exact(64) {
            let solid: Vec<usize> = (0..64).filter(|&x| row[x][3] == 255).collect();
            let [Some(first), Some(last)] = [solid.first(), solid.last()] else {
                continue;
            };
            assert_eq!(solid.len(), last - first + 1, "step {step}");
        }
    }
}

#[test]
fn the_nearer_model_hides_the_farther_one() {
    let (red, blue) = (
        model(8, |_| Some([255, 0, 0])),
        model(8, |_| Some([0, 0, 255])),
    );
    let near = Placed {
        position: Vec3::Z * 3.0,
        ..place(&red)
    };
    for models in [[near, place(&blue)], [place(&blue), near]] {
        let [r, _, b] = mean(&drawn(&models, &clear(0.0, 0.0)), 30..34);
        assert!(r > 100.0 && b < 20.0, "{r} {b}");
    }
}

#[test]
fn a_hollow_corner_is_darker_than_an_open_wall() {
    // An L lying on its back: the wall's foot meets the floor.
    let bend = model(16, |at| {
        (at.y < 0.5 || at.z < -0.5).then_some([180, 180, 180])
    });
    let picture = drawn(&[place(&bend)], &clear(0.0, 30.0));
    let [_, rows] = frame(&picture);
    let brightness = |row: u32| f32::from(picture.pixels()[(row * 64 + 32) as usize][0]);
    // The front of the wall begins below its bright top and ends where the floor begins.
    let wall: Vec<f32> = (rows.start() + 12..rows.end() - 20)
        .map(brightness)
        .collect();
    let darkest = wall.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(wall[0] > darkest + 20.0, "{wall:?}");
}

#[test]
fn a_model_throws_its_shadow_on_the_ground_away_from_the_light() {
    let ball = ball();
    let picture = drawn(&[place(&ball)], &clear(0.0, 30.0));
    let shade = |columns: std::ops::Range<usize>| -> u32 {
        let rows = picture.pixels().chunks_exact(64);
        let pixels = rows.flat_map(|row| row[columns.clone()].to_vec());
        pixels
            .filter(|pixel| pixel[3] < 255)
            .map(|pixel| u32::from(pixel[3]))
            .sum()
    };
    assert!(shade(48..64) > 3 * shade(0..16).max(100));
    let below = drawn(&[place(&ball)], &clear(0.0, -30.0));
    assert_eq!(
        below.pixels()[63 * 64 + 63][3],
        0,
        "no ground is seen from below"
    );
}

#[test]
fn without_voxels_there_is_only_the_background() {
    let nothing = model(8, |_| None);
    for models in [&[][..], &[place(&nothing)]] {
        let picture = drawn(models, &clear(0.0, 20.0));
        assert!(picture.pixels().iter().all(|pixel| *pixel == [0; 4]));
        let sky = View {
            background: Background::Sky,
            ..clear(0.0, 20.0)
        };
        let picture = drawn(models, &sky);
        assert!(
            picture
                .pixels()
                .iter()
                .all(|pixel| pixel[3] == 255 && pixel[2] > 150)
        );
    }
}

#[test]
fn models_without_a_place_or_size_are_left_out() {
    let ball = ball();
    let fine = drawn(&[place(&ball)], &clear(30.0, 20.0));
    for bad in [
        Placed {
            voxel_size: 0.0,
            ..place(&ball)
        },
        Placed {
            voxel_size: -1.0,
            ..place(&ball)
        },
        Placed {
            voxel_size: f32::NAN,
            ..place(&ball)
        },
        Placed {
            position: Vec3::new(0.0, f32::INFINITY, 0.0),
            ..place(&ball)
        },
    ] {
        let picture = drawn(&[place(&ball), bad], &clear(30.0, 20.0));
        assert!(picture == fine, "{bad:?}");
    }
}

#[test]
fn edges_outside_the_limits_are_refused() {
    for (width, height) in [(15, 64), (64, 15), (4097, 64), (64, u32::MAX), (0, 0)] {
        let view = View {
            width,
            height,
            ..View::default()
        };
        let error = render(&[], &view).unwrap_err();
        assert!(matches!(error, RenderError::Size { .. }), "{error}");
    }
    let slim = View {
        width: 16,
        height: 4096,
        ..View::default()
    };
    assert_eq!(drawn(&[], &slim).height(), 4096);
}

#[test]
fn a_picture_made_in_bands_has_no_seams() {
    // 1100 pixels an edge are more samples than one band holds.
    let die = die();
    let large = View {
        width: 1100,
        height: 1100,
        ..clear(30.0, 20.0)
    };
    const { assert!(1100 * 1100 * SAMPLES * SAMPLES > BAND_SAMPLES) };
    let picture = drawn(&[place(&die)], &large);
    let column: Vec<bool> = (0..1100)
        .map(|row| picture.pixels()[row * 1100 + 550][3] == 255)
        .collect();
    let changes = column.array_windows().filter(|[a, b]| a != b).count();
    assert_eq!(changes, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_models_anywhere_make_a_picture(
        cells in prop::collection::hash_set([0u16..1024, 0u16..9, 0u16..9], 0..20),
        places in prop::collection::vec((any::<[f32; 3]>(), any::<f32>()), 0..3),
        yaw in any::<f32>(),
        pitch in any::<f32>(),
    ) {
        let coords: Vec<[u16; 3]> = cells.into_iter().collect();
        let rgba = vec![[9, 9, 9, 9]; coords.len()];
        let model = VoxelModel::from(&SparseVoxels::new(1024, coords, rgba, None).unwrap());
        let placed: Vec<Placed<'_>> = places
            .into_iter()
            .map(|(position, voxel_size)| Placed { model: &model, position: position.into(), voxel_size })
            .collect();
        let view = View { yaw, pitch, width: 16, height: 20, background: Background::Sky };
        prop_assert_eq!(render(&placed, &view).unwrap().pixels().len(), 320);
    }
}

/// A ball of one finish before a wall in two colours, red on the left and blue on the right.
fn before_a_wall(rgba: [u8; 4], metallic: u8, roughness: u8) -> VoxelModel {
    let (mut coords, mut colors, mut finishes) = (Vec::new(), Vec::new(), Vec::new());
    for z in 0..24u16 {
        for y in 0..24 {
            for x in 0..24 {
                let middle = Vec3::from([x, y, z].map(f32::from)) + 0.5;
                let wall = if x < 12 {
                    [220, 0, 0, 255]
                } else {
                    [0, 0, 220, 255]
                };
                let (color, finish) = if z == 0 {
                    (wall, [0, 204])
                } else if middle.distance(Vec3::splat(12.0)) < 8.0 {
                    (rgba, [metallic, roughness])
                } else {
                    continue;
                };
                coords.push([x, y, z]);
                colors.push(color);
                finishes.push(finish);
            }
        }
    }
    let voxels = SparseVoxels::new(24, coords, colors, Some(finishes)).unwrap();
    VoxelModel::from(&voxels)
}

#[test]
fn what_lies_behind_glass_shows_through_it_and_behind_opaque_noise_it_does_not() {
    let seen = |alpha| {
        let model = before_a_wall([200, 220, 200, alpha], 0, 204);
        let picture = drawn(&[place(&model)], &clear(0.0, 0.0));
        [mean(&picture, 22..30), mean(&picture, 34..42)].map(|[r, _, b]| r - b)
    };
    let [left, right] = seen(60);
    assert!(left > 60.0 && right < -60.0, "{left} {right}");
    let [faint_left, faint_right] = seen(0);
    assert!(
        faint_left > left && faint_right < right,
        "{faint_left} {faint_right}"
    );
    for opaque in [250, 255] {
        let [left, right] = seen(opaque).map(f32::abs);
        assert!(left < 45.0 && right < 45.0, "{opaque}: {left} {right}");
    }
}

#[test]
fn glass_throws_no_shadow() {
    let shade = |alpha| {
        let voxels = ball().to_sparse().unwrap();
        let rgba = vec![[200, 220, 200, alpha]; voxels.len()];
        let voxels = SparseVoxels::new(24, voxels.coords().to_vec(), rgba, None).unwrap();
        let model = VoxelModel::from(&voxels);
        let picture = drawn(&[place(&model)], &clear(0.0, 30.0));
        let rows = picture.pixels().chunks_exact(64);
        // Beside the ball, whose own pixels are translucent too.
        let right = rows.flat_map(|row| row[60..].to_vec());
        right
            .filter(|pixel| pixel[3] < 255)
            .map(|pixel| u32::from(pixel[3]))
            .sum::<u32>()
    };
    assert!(shade(255) > 3 * shade(100), "{} {}", shade(255), shade(100));
}

#[test]
fn polished_metal_has_brighter_lights_and_darker_darks_than_chalk() {
    let range = |metallic, roughness| {
        let model = before_a_wall([190, 190, 190, 255], metallic, roughness);
        let picture = drawn(&[place(&model)], &clear(0.0, 20.0));
        let pixels = picture
            .pixels()
            .iter()
            .filter(|[r, _, b, a]| *a == 255 && r.abs_diff(*b) < 24);
        let mut grey: Vec<u8> = pixels.map(|pixel| pixel[1]).collect();
        grey.sort_unstable();
        u32::from(grey[grey.len() * 19 / 20]) - u32::from(grey[grey.len() / 20])
    };
    let (chrome, chalk) = (range(255, 10), range(0, 255));
    assert!(chrome > chalk + 20, "{chrome} {chalk}");
}

#[test]
fn panes_of_glass_are_blended_in_the_order_in_which_they_stand() {
    // Red before blue and blue before red, in one model each and in two.
    let pane = |z: u16, color: [u8; 4]| {
        let coords: Vec<[u16; 3]> = (0..256).map(|i| [i % 16, i / 16, z]).collect();
        let rgba = vec![color; coords.len()];
        VoxelModel::from(&SparseVoxels::new(16, coords, rgba, None).unwrap())
    };
    let (red, blue) = (pane(8, [230, 0, 0, 150]), pane(8, [0, 0, 230, 150]));
    let at = |model, z: f32| Placed {
        position: Vec3::Z * z,
        ..place(model)
    };
    let red_first = drawn(&[at(&red, 0.5), at(&blue, -0.5)], &clear(0.0, 0.0));
    let again = drawn(&[at(&blue, -0.5), at(&red, 0.5)], &clear(0.0, 0.0));
    let blue_first = drawn(&[at(&red, -0.5), at(&blue, 0.5)], &clear(0.0, 0.0));
    let middle = |picture: &Picture| picture.pixels()[32 * 64 + 32];
    assert_eq!(middle(&red_first), middle(&again));
    let ([r, _, b, _], [r2, _, b2, _]) = (middle(&red_first), middle(&blue_first));
    assert!(r > b && b2 > r2, "{r} {b}, {r2} {b2}");
}
