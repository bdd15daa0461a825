//! As what the files of a transfer are judged.

use wiretape_core::event::{FileOperation, OpenMode};
use wiretape_core::judge::{ActionKind, Transfer};

use crate::command::Direction;
use crate::place::Place;

/// As what `announced` is judged in a transfer in `direction` that takes place at `place`: a file that is sent or read, a
/// folder that is made or listed. `None` for what is judged with one of those: the times that it gets.
#[must_use]
pub fn action(announced: &FileOperation, direction: Direction, place: &Place) -> Option<ActionKind> {
    let path = announced.path();
    let operation = match (direction, announced) {
        (Direction::Upload, FileOperation::Send { .. } | FileOperation::MakeDirectory { .. }) => announced.clone(),
        (Direction::Download, FileOperation::Send { .. }) => {
            let mode = OpenMode { read: true, ..OpenMode::default() };
            FileOperation::Open { path: path.clone(), mode }
        }
        (Direction::Download, FileOperation::MakeDirectory { .. }) => FileOperation::List { path: path.clone() },
        _ => return None,
    };
    Some(ActionKind::Transfer(Box::new(Transfer { operation, paths: place.paths(path) })))
}
