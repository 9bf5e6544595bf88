//! Random texts and octrees: the reader against the literal interpreter, the writer against the reader.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::reference;
use crate::voxel::Node;

/// White space and comments, also none.
fn space() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        " ",
        " ",
        " ",
        "\n",
        "\t\r\n",
        "# [1 |\n",
        " #\n#>a 1\r\n ",
    ])
}

fn path() -> impl Strategy<Value = String> {
    // Few letters, so that paths meet and references find something.
    "[abh]{0,3}"
}

/// Values and references, few of the latter: they multiply.
fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => (0..=255u8).prop_map(|value| value.to_string()),
        4 => Just("0".into()),
        1 => "0{0,4}[0-9]{1,3}",
        2 => path().prop_map(|path| format!("<{path}")),
    ]
}

fn cube() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 40, 8, |inner| {
        let child = (space(), inner.clone()).prop_map(|(space, cube)| format!("{space}{cube} "));
        prop_oneof![
            3 => prop::collection::vec(child, 8).prop_map(|cubes| format!("[{}]", cubes.concat())),
            2 => ("[/^][xyzXYZ]{0,3}", space(), inner)
                .prop_map(|(operator, space, cube)| format!("{operator}{space}{cube}")),
        ]
    })
}

/// A text of the grammar, but for references that name nothing and values above 255.
fn text() -> impl Strategy<Value = String> {
    let statement = (path(), space(), cube(), space())
        .prop_map(|(path, before, cube, behind)| format!(">{path}{before}{cube}{behind}"));
    let epoch = prop::collection::vec(statement, 0..5).prop_map(|epoch| epoch.concat());
    prop::collection::vec(epoch, 1..4).prop_map(|epochs| epochs.join("|"))
}

/// A text of mirror images of mirror images, of parts without any symmetry.
fn kaleidoscope() -> impl Strategy<Value = String> {
    let image = || "([/^][xyz]{1,2}){0,3}<[ab]";
    let cube = prop_oneof![
        image(),
        ("([/^][xyz]){0,2}", image(), image(), image())
            .prop_map(|(operators, a, b, c)| format!("{operators}[1 {a} 2 {b} 3 {c} 4 5]")),
    ];
    let epoch = (cube.clone(), cube).prop_map(|(a, b)| format!("|>a {a} >b {b}"));
    prop::collection::vec(epoch, 1..5).prop_map(|epochs| {
        let first = ">a [[1 2 3 4 5 6 7 8] 9 10 11 12 13 14 15] >b [1 [[0 1 2 3 4 5 6 7] 8 9 0 1 2 3 4] 5 6 7 8 9 0]";
        format!("{first}{}", epochs.concat())
    })
}

/// Pieces of the grammar in any order.
fn rubble() -> impl Strategy<Value = String> {
    let piece = select(vec![
        ">",
        ">",
        ">a",
        ">b 3",
        ">ab ",
        "> ",
        "a",
        "h",
        "i",
        "<",
        "<a",
        "[",
        "]",
        "/",
        "^x",
        "/zY",
        "|",
        " ",
        "\n",
        "#",
        "0",
        "7",
        "255",
        "256",
        "007",
        ">a [1 2 3 4 5 6 7 8]",
        "[0 0 1 1 0 0 1 1]",
        "-",
        ",",
        "é",
        "\u{a0}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn agrees(text: &str) -> Result<(), TestCaseError> {
    let (cube, to_the_end) = reference::read(text);
    let parsed = parse(text);
    prop_assert_eq!(parsed.octree.root(), &cube.simplified());
    prop_assert_eq!(parsed.octree.depth(), cube.depth());
    prop_assert_eq!(parsed.stopped.is_none(), to_the_end, "{:?}", parsed.stopped);
    prop_assert_eq!(decode(text.as_bytes()).is_ok(), to_the_end);
    Ok(())
}

fn octree() -> impl Strategy<Value = Octree> {
    let leaves = prop_oneof![
        any::<u8>().prop_map(Node::Leaf),
        Just(Node::EMPTY),
        any::<[u8; 8]>().prop_map(Node::octa),
        prop::array::uniform8(select(vec![0, 9, 77])).prop_map(Node::octa),
    ];
    let node = leaves.prop_recursive(5, 200, 8, |inner| {
        prop::array::uniform8(inner).prop_map(Node::new)
    });
    node.prop_map(|root| Octree::from_root(root.depth(), root).unwrap())
}

proptest! {
    #[test]
    fn texts_of_the_grammar_are_read_as_the_literal_interpreter_reads_them(text in text()) {
        agrees(&text)?;
    }

    #[test]
    fn mirror_images_of_mirror_images_are_those_of_the_literal_interpreter(text in kaleidoscope()) {
        agrees(&text)?;
    }

    #[test]
    fn texts_with_one_wrong_piece_are_read_as_far_as_the_literal_interpreter_reads_them(
        text in text(),
        at in any::<prop::sample::Index>(),
        piece in select(vec!["", "]", "[", "i", "|", ">", "<", "/", "#", "9", "é"]),
        removed in 0..2usize,
    ) {
        let at = at.index(text.len() + 1);
        let behind = text.get(at + removed..).unwrap_or_default();
        agrees(&format!("{}{piece}{behind}", &text[..at]))?;
    }

    #[test]
    fn rubble_is_read_as_far_as_the_literal_interpreter_reads_it(text in rubble()) {
        agrees(&text)?;
    }

    #[test]
    fn any_bytes_are_an_octree_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn the_order_of_statements_for_different_paths_does_not_matter(
        statements in prop::collection::hash_map(path(), leaf(), 0..12)
    ) {
        // A hash map's order is random.
        let shuffled: String = statements.iter().map(|(path, leaf)| format!(">{path} {leaf} ")).collect();
        agrees(&shuffled)?;
    }

    #[test]
    fn a_written_octree_reads_back_as_itself(octree in octree()) {
        let text = encode(&octree).unwrap();
        prop_assert_eq!(decode(&text).unwrap(), octree);
    }
}
