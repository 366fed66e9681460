//! An entry's text as it lies in the store for excerpts, phrase search and taking its search row out again.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::compress::{Compressor, Decompressor};
use crate::error::{Error, Result};

thread_local! {
    // Making zstd's working memory takes longer than an entry's text does.
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::default();
}

/// What an entry says, part by part, without its history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Projection {
    /// The title.
    pub title: String,
    /// The name of each other part, and its text with people's names in the place of their tokens.
    pub parts: Vec<(String, String)>,
}

impl Projection {
    /// The bytes for the table.
    pub fn pack(&self) -> Vec<u8> {
        COMPRESSOR.with_borrow_mut(|squeezer| squeezer.pack(&crate::log::codec::encode(self)))
    }

    /// The projection that the table holds.
    pub fn unpack(packed: &[u8]) -> Result<Self> {
        let bytes = DECOMPRESSOR.with_borrow_mut(|opener| opener.unpack(packed))?;
        postcard::from_bytes(&bytes).map_err(|_| Error::corrupt("an entry's text in the store does not read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_comes_back() {
        let parts = vec![("body".to_owned(), "It rained. ".repeat(400)), ("mine".to_owned(), "late".to_owned())];
        let projection = Projection { title: "Tuesday".to_owned(), parts };
        let packed = projection.pack();
        assert!(packed.len() < 300);
        assert_eq!(Projection::unpack(&packed).unwrap(), projection);
        assert!(Projection::unpack(&packed[..packed.len() - 1]).is_err());
    }
}
