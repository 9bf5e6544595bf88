//! Pictures drawn by formula: thin parts, holes, outlines, gradients and grain.

use crossworld_trellis::picture::Picture;

/// A picture painted pixel by pixel.
pub fn draw(width: usize, height: usize, paint: impl Fn(usize, usize) -> [u8; 4]) -> Picture {
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|i| paint(i % width, i / width))
        .collect();
    Picture::new(width as u32, height as u32, pixels).unwrap()
}

/// All drawings with their names.
pub fn drawings() -> Vec<(&'static str, Picture)> {
    vec![
        ("outlined ball", draw(200, 200, outlined_ball)),
        ("key", draw(300, 180, key)),
        ("two balloons", draw(240, 240, two_balloons)),
        ("sprite", draw(16, 16, sprite)),
        ("mug on grey", draw(256, 256, mug)),
        ("lamp at dusk", draw(220, 260, lamp)),
    ]
}

fn far(x: usize, y: usize, center: [f32; 2]) -> f32 {
    (x as f32 + 0.5 - center[0]).hypot(y as f32 + 0.5 - center[1])
}

fn opaque([r, g, b]: [u8; 3]) -> [u8; 4] {
    [r, g, b, 255]
}

/// A red ball with a soft dark outline and a face.
fn outlined_ball(x: usize, y: usize) -> [u8; 4] {
    let off = far(x, y, [100.0, 100.0]);
    let alpha = (255.0 * (90.5 - off).clamp(0.0, 1.0)) as u8;
    let eye = far(x, y, [70.0, 80.0]).min(far(x, y, [130.0, 80.0])) < 10.0;
    match off {
        84.0.. => [20, 10, 10, alpha],
        _ if eye => [10, 10, 20, 255],
        _ => [220, (60.0 + off / 3.0) as u8, 40, 255],
    }
}

/// A key with a ring, a shaft of about two cells and a hair-thin string.
fn key(x: usize, y: usize) -> [u8; 4] {
    let ring = (22.0..40.0).contains(&far(x, y, [60.0, 90.0]));
    let shaft = (98..280).contains(&x) && (86..94).contains(&y);
    let bits = (240..250).contains(&x) && (94..120).contains(&y);
    let string = x.abs_diff(60) < 1 && (10..52).contains(&y);
    if ring || shaft || bits || string {
        [200, 170, 60, 255]
    } else {
        [255, 0, 255, 0]
    }
}

/// Two separate parts, each with a string that leans.
fn two_balloons(x: usize, y: usize) -> [u8; 4] {
    let left = far(x, y, [60.0, 60.0]) < 45.0;
    let right = far(x, y, [175.0, 80.0]) < 50.0;
    let leaning = |from: f32, lean: f32, top: usize| {
        y > top && (x as f32 - from - lean * y as f32).abs() < 1.6
    };
    match (left, right) {
        (true, _) => [40, 90, 220, 255],
        (_, true) => [230, 80, 120, 255],
        _ if leaning(50.0, 0.16, 100) || leaning(190.0, -0.1, 125) => [90, 80, 70, 255],
        _ => [0; 4],
    }
}

/// Pixel art, much coarser than the grid.
fn sprite(x: usize, y: usize) -> [u8; 4] {
    const ROWS: [&str; 8] = [
        "..rrrr..", ".rrrrrr.", "rwwrrwwr", "rrrrrrrr", "..wwww..", "..wkkw..", "..wwww..",
        ".gggggg.",
    ];
    match ROWS[y / 2].as_bytes()[x / 2] {
        b'r' => [210, 40, 40, 255],
        b'w' => [240, 230, 210, 255],
        b'k' => [60, 40, 30, 255],
        b'g' => [60, 160, 70, 255],
        _ => [0; 4],
    }
}

/// A blue mug with an open handle on a light grey gradient.
fn mug(x: usize, y: usize) -> [u8; 4] {
    let cup = (50..170).contains(&x) && (60..220).contains(&y);
    let handle = (28.0..44.0).contains(&far(x, y, [170.0, 135.0])) && x >= 170;
    let band = (110..130).contains(&y) && cup;
    opaque(match (cup || handle, band) {
        (true, true) => [250, 210, 60],
        (true, false) => [40, 80, 190 - (x / 4) as u8],
        _ => [205 + (y / 8) as u8; 3],
    })
}

/// A lit lamp before a dark grainy backdrop with a vignette.
fn lamp(x: usize, y: usize) -> [u8; 4] {
    let shade = (40..130).contains(&y) && x.abs_diff(110) < 30 + (y - 40) / 2;
    let stand = x.abs_diff(110) < 6 && (130..230).contains(&y);
    let foot = x.abs_diff(110) < 50 && (230..246).contains(&y);
    opaque(if shade {
        [250, 220, 140]
    } else if stand || foot {
        [150, 110, 60]
    } else {
        let grain = (x * 7919 + y * 104_729 + x * y * 31) % 7;
        let off = far(x, y, [110.0, 130.0]) as usize / 12;
        [
            (40 + grain - off) as u8,
            (44 + grain - off) as u8,
            (60 + grain - off) as u8,
        ]
    })
}
