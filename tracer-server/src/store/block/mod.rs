//! A block: a Parquet file of spans, written once (docs/store.md is its specification).

mod archive;
mod columns;
mod file;
mod index;
mod place;
mod predicate;
mod schema;
mod unpack;
mod write;

pub(super) use file::{Block, BlockError};
pub(super) use place::Place;
pub(super) use write::write;

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
        file::{metadata::KeyValue, properties::WriterProperties},
    };

    use super::*;
    use crate::{
        query::{Condition, Field, Filter, Finder, Scope, Search},
        spans::{Value, testing},
    };

    /// Traces with `k` equal to a value, and blocks of which columns were read.
    fn find(block: &Block, value: &str) -> (usize, usize) {
        let condition = Condition::equals(Field::Attribute(Scope::Any, "k".to_owned()), value);
        let filter = Filter { start_ns: 0..u64::MAX, conditions: vec![condition] };
        let search = Search { filter, limit: 10, count: true };
        let mut finder = Finder::new(&search);
        block.find(&mut finder).expect("searched");
        let found = finder.finish();
        (found.total, found.blocks)
    }

    #[test]
    fn the_index_spares_reading_and_blocks_without_one_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let (new, old) = (directory.path().join("new"), directory.path().join("old"));
        let spans = testing::spans_with(3000, |number, texts| {
            let value = texts.intern(&format!("v{number}"));
            vec![(texts.intern("k"), Value::Text(value))]
        });
        write(&spans, &new).expect("written");
        let block = Block::open(Place::Hot(new.clone()), (1, 1)).expect("opened");
        assert_eq!(find(&block, "v2999"), (1, 1));
        let read: usize = (0..100).map(|number| find(&block, &format!("w{number}")).1).sum();
        assert!(read < 10, "{read}");

        // As version 1 had it.
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(File::open(&new).expect("there")).expect("read");
        let metadata = reader.metadata().file_metadata().key_value_metadata().expect("metadata").iter();
        let metadata: Vec<KeyValue> = metadata
            .filter(|entry| !["ARROW:schema", schema::ATTRIBUTE_INDEX_KEY].contains(&entry.key.as_str()))
            .map(|entry| match entry.key.as_str() {
                schema::VERSION_KEY => KeyValue::new(entry.key.clone(), "1".to_owned()),
                _ => entry.clone(),
            })
            .collect();
        let properties = WriterProperties::builder().set_key_value_metadata(Some(metadata)).build();
        let file = File::create(&old).expect("made");
        let mut writer =
            ArrowWriter::try_new(file, reader.schema().clone(), Some(properties)).expect("begun");
        for batch in reader.build().expect("read") {
            writer.write(&batch.expect("a batch")).expect("written");
        }
        writer.close().expect("closed");
        let block = Block::open(Place::Hot(old), (2, 2)).expect("opened");
        assert_eq!((find(&block, "v2999"), find(&block, "w1")), ((1, 1), (0, 1)));
    }
}
