//! The files of a journal: its folder, private and durable ones, locks between processes, and what goes wrong with them.

mod error;
mod home;
mod lock;
mod permissions;

pub use error::{StoreError, StoreResult};
pub use home::Home;
pub(crate) use home::{make_folder, make_private_folder, new_file, replace_file, sync_folder};
pub use lock::HomeLock;
pub use permissions::{Permissions, close_attachments, close_to_others, holds_others};
