use super::*;

/// A cut-out of an ASCII picture: `#` is the object, every pixel painted by `paint`.
fn cut_out(rows: &[&str], paint: impl Fn(usize, usize) -> [u8; 3]) -> CutOut {
    let width = rows[0].len();
    let bytes: Vec<u8> = rows.concat().into_bytes();
    let pixel = |place: usize| {
        let [r, g, b] = paint(place % width, place / width);
        [r, g, b, 255]
    };
    CutOut {
        pixels: Grid::from_cells(width, (0..bytes.len()).map(pixel).collect()),
        weight: Grid::from_cells(
            width,
            bytes.iter().map(|&b| u8::from(b == b'#') * 255).collect(),
        ),
    }
}

/// The solid cells as the picture shows them, the top row first.
fn drawn(silhouette: &Silhouette) -> Vec<String> {
    let line = |row: &[bool]| row.iter().map(|&s| if s { '#' } else { '.' }).collect();
    let mut rows: Vec<String> = silhouette.solid.rows().map(line).collect();
    rows.reverse();
    rows
}

#[test]
fn the_object_fills_the_grid_in_its_longer_direction_and_stands_on_the_bottom() {
    let wide = cut_out(&["......", ".####.", ".####.", "......"], |_, _| [9; 3]);
    let silhouette = Silhouette::of(&wide, 8);
    let empty = "........";
    let full = "########";
    let expected = [empty, empty, empty, empty, full, full, full, full];
    assert_eq!(drawn(&silhouette), expected);
}

#[test]
fn a_narrow_object_is_centred() {
    let narrow = cut_out(&["##...", "##...", "##...", "##..."], |_, _| [9; 3]);
    let silhouette = Silhouette::of(&narrow, 8);
    assert!(drawn(&silhouette).iter().all(|row| row == "..####.."));
}

#[test]
fn colors_stay_on_their_side_and_mix_in_linear_light() {
    let checks = cut_out(&["################"; 16], |x, y| match (x, y) {
        (0..8, 0..8) => [255, 0, 0],
        (8.., 8..) if x % 2 == 0 => [255; 3],
        _ => [0; 3],
    });
    let color = Silhouette::of(&checks, 8).color;
    assert_eq!(color[[0, 7]], [1.0, 0.0, 0.0]);
    assert_eq!(color[[0, 0]], [0.0; 3]);
    assert!(
        color[[7, 0]]
            .iter()
            .all(|channel| (channel - 0.5).abs() < 1e-4)
    );
}

#[test]
fn a_speck_below_half_a_cell_neither_shows_nor_shrinks_the_object() {
    let mut rows = vec!["...................................."; 36];
    rows[0] = "#...................................";
    for row in &mut rows[4..] {
        *row = "....################################";
    }
    let silhouette = Silhouette::of(&cut_out(&rows, |_, _| [9; 3]), 8);
    assert!(drawn(&silhouette).iter().all(|row| row == "########"));
}

#[test]
fn a_hole_of_a_cell_stays_open() {
    let ring = cut_out(&["####", "#.##", "#.##", "####"], |_, _| [9; 3]);
    let silhouette = Silhouette::of(&ring, 8);
    assert!(!silhouette.solid[[2, 3]] && !silhouette.solid[[3, 4]]);
    assert!(silhouette.solid[[4, 4]] && silhouette.solid[[1, 3]]);
}

#[test]
fn every_solid_cell_has_a_color() {
    // A diagonal of single pixels: the corner cells that join it show no pixel at all.
    let mut rows = vec![String::new(); 24];
    for (y, row) in rows.iter_mut().enumerate() {
        *row = (0..24).map(|x| if x == y { '#' } else { '.' }).collect();
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let silhouette = Silhouette::of(&cut_out(&rows, |_, _| [40, 90, 140]), 24);
    let expected = linear([40, 90, 140]);
    let mut count = 0;
    for place in (0..silhouette.solid.len()).filter(|&place| silhouette.solid[place]) {
        assert_eq!(silhouette.color[place], expected);
        count += 1;
    }
    assert_eq!(count, 24 + 23, "a staircase joined edge to edge");
}

#[test]
fn dust_finer_than_a_cell_still_stands() {
    let rows = ["#.".repeat(40), "..".repeat(40)].concat().repeat(40);
    let rows: Vec<&str> = (0..80).map(|y| &rows[y * 80..(y + 1) * 80]).collect();
    let silhouette = Silhouette::of(&cut_out(&rows, |_, _| [9; 3]), 8);
    assert!((0..8).all(|x| silhouette.solid[[x, 0]]));
}
