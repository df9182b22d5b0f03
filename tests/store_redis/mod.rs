mod capacity;
mod faults;
mod feed;
mod keeping;
mod replicas;
mod rows;
mod setup;
mod shards;
