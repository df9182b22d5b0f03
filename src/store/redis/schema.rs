use super::error::foreign;
use super::keys::META;
use super::link::Link;
use super::scripts::MIGRATE;
use crate::store::{StoreError, StoreErrorKind};

/// Notes how the sessions are laid out, or compares it with what is noted. One step: ten at once agree.
pub(super) async fn migrate(link: &Link, partitions: u16) -> Result<(), StoreError> {
    let call = MIGRATE.call(&[META]).arg(SCHEMA).arg(partitions);
    let (found, number): (String, u64) = link.run(&call).await?;
    match found.as_str() {
        "ready" => Ok(()),
        "newer" => {
            Err(foreign(format!("the sessions were laid out by a newer version of this crate (schema {number})")))
        }
        "partitions" => Err(StoreError::new(StoreErrorKind::Configuration)
            .because(format!("the sessions are spread over {number} partitions, and not over {partitions}"))),
        _ => Err(foreign(format!("another program's key has the name `{META}`"))),
    }
}

const SCHEMA: u32 = 1;
