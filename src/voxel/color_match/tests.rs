//! Tests of mapping palettes; nearness is checked by brute force.

use palette::color_difference::EuclideanDistance;
use palette::{IntoColor, LinSrgb, Oklab, Srgb};
use proptest::prelude::*;

use super::*;

const PLAIN: ColorMatch = ColorMatch {
    named: false,
    dither: false,
};
const NAMED: ColorMatch = ColorMatch {
    named: true,
    dither: false,
};
const DITHERED: ColorMatch = ColorMatch {
    named: false,
    dither: true,
};

fn palette_of(colors: &[[u8; 4]]) -> Palette {
    Palette::from_entries(colors.iter().copied().map(PaletteEntry::matte).collect()).unwrap()
}

/// The index that one colour gets.
fn matched(color: [u8; 4], to: &Palette, how: ColorMatch) -> u8 {
    PaletteMap::new(&palette_of(&[color]), to, how).table()[1]
}

fn oklab([r, g, b, _]: [u8; 4]) -> Oklab {
    Srgb::new(r, g, b).into_linear().into_color()
}

/// OKLab and alpha.
fn distance(a: [u8; 4], b: [u8; 4]) -> f32 {
    let alpha = (f32::from(a[3]) - f32::from(b[3])) / 255.0;
    (oklab(a).distance_squared(oklab(b)) + alpha * alpha).sqrt()
}

/// What `how` allows of Crossworld's materials for a colour, as the documents tell it.
fn allowed(color: [u8; 4], how: ColorMatch) -> Vec<u8> {
    let opaque = (128..=255).chain([16]).chain(18..=126);
    let translucent = (8..=15).chain([17]);
    match (how.named, color[3]) {
        (false, _) => (128..=255).collect(),
        (true, 255) => opaque.collect(),
        (true, _) => opaque.chain(translucent).collect(),
    }
}

fn opaque_color() -> impl Strategy<Value = [u8; 4]> {
    any::<[u8; 3]>().prop_map(|[r, g, b]| [r, g, b, 255])
}

proptest! {
    #[test]
    fn the_nearest_allowed_material_is_chosen(rgba: [u8; 4], opaque: bool, named: bool) {
        let color = if opaque { [rgba[0], rgba[1], rgba[2], 255] } else { rgba };
        let how = ColorMatch { named, dither: false };
        let chosen = matched(color, Palette::crossworld(), how);
        let far = |id: u8| distance(color, Material(id).rgba());
        let ids = allowed(color, how);
        prop_assert!(ids.contains(&chosen), "material {chosen}");
        let least = ids.into_iter().map(far).fold(f32::INFINITY, f32::min);
        prop_assert!(far(chosen) <= least + 1e-6, "{} and {least}", far(chosen));
    }

    #[test]
    fn the_nearest_entry_of_any_palette_is_chosen(
        color in opaque_color(),
        others in prop::collection::vec(opaque_color(), 1..20),
    ) {
        let chosen = matched(color, &palette_of(&others), PLAIN);
        let least = others.iter().map(|&o| distance(color, o)).fold(f32::INFINITY, f32::min);
        prop_assert!(distance(color, others[usize::from(chosen) - 1]) <= least + 1e-6);
    }

    #[test]
    fn half_transparent_colours_become_translucent_named_materials(rgb: [u8; 3]) {
        let chosen = matched([rgb[0], rgb[1], rgb[2], 128], Palette::crossworld(), NAMED);
        prop_assert!(Material(chosen).is_translucent());
    }

    #[test]
    fn a_dithered_wall_averages_nearer_to_its_colour(color in opaque_color(), named: bool) {
        let how = ColorMatch { named, dither: true };
        let map = PaletteMap::new(&palette_of(&[color]), Palette::crossworld(), how);
        let mean = mean_of_block(&map, 8);
        let alone = distance(color, Material(map.table()[1]).rgba());
        prop_assert!(mean.distance(oklab(color)) <= alone + 1e-4);
    }

    #[test]
    fn dithering_mixes_only_what_may_be_chosen(rgba: [u8; 4], named: bool) {
        let how = ColorMatch { named, dither: true };
        let map = PaletteMap::new(&palette_of(&[rgba]), Palette::crossworld(), how);
        for id in block(8).map(|cell| map.index_at(cell, 1)) {
            prop_assert!(allowed(rgba, how).contains(&id), "material {id}");
        }
    }
}

fn block(edge: u32) -> impl Iterator<Item = [u32; 3]> {
    (0..edge.pow(3)).map(move |i| [i % edge, i / edge % edge, i / edge / edge])
}

/// The light of a cube of index 1, added up and compared as eyes do.
fn mean_of_block(map: &PaletteMap, edge: u32) -> Oklab {
    let mut sum = LinSrgb::new(0.0, 0.0, 0.0);
    for cell in block(edge) {
        let [r, g, b, _] = Material(map.index_at(cell, 1)).rgba();
        sum += Srgb::new(r, g, b).into_linear::<f32>();
    }
    (sum / edge.pow(3) as f32).into_color()
}

#[test]
fn dithering_makes_the_mean_error_of_plain_colours_three_times_smaller() {
    let colors: Vec<[u8; 4]> = block(8)
        .map(|cell| cell.map(|c| u8::try_from(c * 36).unwrap()))
        .map(|[r, g, b]| [r, g, b, 255])
        .collect();
    let (mut alone, mut mixed) = (0.0, 0.0);
    for &color in &colors {
        let map = PaletteMap::new(&palette_of(&[color]), Palette::crossworld(), DITHERED);
        alone += distance(color, Material(map.table()[1]).rgba());
        mixed += mean_of_block(&map, 4).distance(oklab(color));
    }
    assert!(mixed * 3.0 < alone, "{mixed} of {alone}");
}

#[test]
fn a_colour_that_is_a_material_is_kept() {
    for how in [PLAIN, NAMED, DITHERED] {
        for id in 1..=255 {
            let color = Material(id).rgba();
            if !allowed(color, how).contains(&id) {
                continue;
            }
            let map = PaletteMap::new(&palette_of(&[color]), Palette::crossworld(), how);
            for cell in block(4) {
                let kept = Material(map.index_at(cell, 1)).rgba();
                assert_eq!(kept, color, "material {id}");
            }
        }
    }
}

#[test]
fn plain_colours_go_before_named_materials_of_the_same_colour() {
    let red = matched([255, 0, 0, 255], Palette::crossworld(), NAMED);
    assert_eq!(red, 0b1110_0000);
    let gold = matched([255, 215, 0, 255], Palette::crossworld(), NAMED);
    assert_eq!(Material(gold).name(), Some("gold"));
}

#[test]
fn a_palette_mapped_onto_itself_changes_nothing() {
    let mine = palette_of(&[[1, 2, 3, 255], [1, 2, 3, 255], [0, 0, 0, 9]]);
    for palette in [&mine, Palette::crossworld()] {
        let map = PaletteMap::new(palette, palette, DITHERED);
        for index in 0..=255 {
            assert_eq!(map.index_at([1, 2, 3], index), index);
        }
    }
}

#[test]
fn equal_colours_are_told_apart_by_their_finish() {
    let gold = PaletteEntry {
        rgba: [200, 150, 0, 255],
        metallic: 255,
        roughness: 60,
    };
    let paint = PaletteEntry::matte(gold.rgba);
    let from = Palette::from_entries(vec![gold, paint]).unwrap();
    let to = Palette::from_entries(vec![paint, gold]).unwrap();
    let map = PaletteMap::new(&from, &to, PLAIN);
    assert_eq!(map.table()[..3], [0, 2, 1]);
}

#[test]
fn an_opaque_colour_becomes_translucent_only_where_nothing_is_opaque() {
    let glass = [200, 0, 0, 90];
    let dark = [0, 0, 60, 255];
    assert_eq!(
        matched([200, 0, 0, 255], &palette_of(&[glass, dark]), PLAIN),
        2
    );
    assert_eq!(matched([200, 0, 0, 255], &palette_of(&[glass]), PLAIN), 1);
}

#[test]
fn empty_stays_empty_and_missing_indices_stay_solid() {
    let map = PaletteMap::new(&palette_of(&[[9; 4]]), Palette::crossworld(), DITHERED);
    for cell in block(4) {
        assert_eq!(map.index_at(cell, 0), 0);
        assert_eq!(map.index_at(cell, 77), 128);
    }
}

#[test]
fn a_palette_without_entries_makes_everything_empty() {
    let map = PaletteMap::new(&palette_of(&[[9; 4]]), &Palette::default(), DITHERED);
    assert_eq!(map.table(), &[0; 256]);
    assert_eq!(map.index_at([0; 3], 1), 0);
}
