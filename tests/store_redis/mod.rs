mod capacity;
mod faults;
mod feed;
mod keeping;
mod rows;
mod setup;
mod shards;
