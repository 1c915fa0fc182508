//! Encodes rows to row groups, column by column.
//!
//! Encoding and compressing columns is most of the work of a flush and of a merge, and each of them is one thread. On a
//! machine with many cores, some more threads therefore share the columns of a slab of rows. They live as long as the
//! slab takes: a few milliseconds, a hundred times as long as it takes to start them.

use std::{fs, io::BufWriter, mem, sync::Arc, thread};

use arrow_array::{ArrayRef, MapArray, RecordBatch, cast::AsArray, types::Int32Type};
use arrow_schema::{DataType, Field, SchemaRef};
use parking_lot::Mutex;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves},
    },
    file::{properties::WriterProperties, writer::SerializedFileWriter},
};
use pipeline::{Error, Result};

use super::{GROUP_ROWS, PAGE_ROWS, refused};

/// The maximum number of threads that encode one part.
const MOST_THREADS: usize = 4;
/// The cores per thread that encodes a part beside the first: flushes and merges run at the same time, and doors,
/// stages and searches need most cores.
const CORES_PER_THREAD: usize = 4;
/// The bytes of texts that wait for the threads at most, beside the last rows. Rows may have a mebibyte each.
const WAITING_BYTES: usize = 16 << 20;

/// The file of a part, up to its footer.
pub(super) type Output = SerializedFileWriter<BufWriter<fs::File>>;

/// The number of threads that may encode one part on this machine.
pub(super) fn threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (1 + cores / CORES_PER_THREAD).min(MOST_THREADS).min(cores.saturating_sub(1).max(1))
}

/// Writes row groups of [`GROUP_ROWS`] rows.
pub(super) struct Encoder {
    output: Output,
    factory: ArrowRowGroupWriterFactory,
    threads: usize,
    /// The number of Parquet's columns of each column: two for a map, otherwise one.
    leaves: Vec<usize>,
    /// The columns of the row group in progress, each with a writer for each of Parquet's columns; none between row
    /// groups.
    columns: Vec<Vec<ArrowColumnWriter>>,
    groups: usize,
    /// The rows of the row group in progress, including those that wait.
    rows: usize,
    /// Rows that are not encoded yet.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

impl Encoder {
    pub(super) fn new(
        output: BufWriter<fs::File>,
        schema: &SchemaRef,
        properties: WriterProperties,
        threads: usize,
    ) -> Result<Self> {
        let writer = ArrowWriter::try_new(output, schema.clone(), Some(properties)).map_err(refused)?;
        let (output, factory) = writer.into_serialized_writer().map_err(refused)?;
        let leaves_of = |field: &Arc<Field>| if matches!(field.data_type(), DataType::Map(..)) { 2 } else { 1 };
        Ok(Self {
            output,
            factory,
            threads,
            leaves: schema.fields().iter().map(leaves_of).collect(),
            columns: Vec::new(),
            groups: 0,
            rows: 0,
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
        })
    }

    pub(super) fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut left = batch.clone();
        while left.num_rows() > 0 {
            let rows = left.num_rows().min(GROUP_ROWS - self.rows);
            let next = left.slice(0, rows);
            left = left.slice(rows, left.num_rows() - rows);
            self.waiting_bytes += text_bytes(&next, self.waiting.last());
            self.waiting.push(next);
            self.rows += rows;
            self.waiting_rows += rows;
            // Only threads that share the columns need many rows at once.
            let is_enough = self.waiting_rows >= PAGE_ROWS || self.waiting_bytes >= WAITING_BYTES;
            if self.rows == GROUP_ROWS {
                self.end_group()?;
            } else if self.threads == 1 || is_enough {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Ends the last row group. What is appended to the file now follows all row groups.
    pub(super) fn finish(mut self) -> Result<Output> {
        self.end_group()?;
        Ok(self.output)
    }

    /// Encodes the rows that wait.
    fn encode(&mut self) -> Result<()> {
        let batches = mem::take(&mut self.waiting);
        let rows = mem::take(&mut self.waiting_rows);
        self.waiting_bytes = 0;
        if rows == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            let mut writers = self.factory.create_column_writers(self.groups).map_err(refused)?.into_iter();
            self.columns = self.leaves.iter().map(|leaves| writers.by_ref().take(*leaves).collect()).collect();
        }
        let left = Mutex::new(self.columns.iter_mut().enumerate());
        let work = || -> Result<()> {
            // The lock is free while the column is encoded.
            let next = || left.lock().next();
            while let Some((place, column)) = next() {
                batches.iter().try_for_each(|batch| encode(column, place, batch))?;
            }
            Ok(())
        };
        if self.threads == 1 || rows < PAGE_ROWS / 2 {
            return work();
        }
        thread::scope(|scope| {
            // If the system refuses a thread, the others do its share.
            let spawn = |_| thread::Builder::new().name("encode".to_owned()).spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (1..self.threads).filter_map(spawn).collect();
            let own = work();
            helpers.into_iter().fold(own, |done, helper| {
                let helped = helper.join().unwrap_or_else(|_| Err(Error::internal("encoding a part panicked")));
                done.and(helped)
            })
        })
    }

    fn end_group(&mut self) -> Result<()> {
        self.encode()?;
        if self.columns.is_empty() {
            return Ok(());
        }
        let mut group = self.output.next_row_group().map_err(refused)?;
        for column in mem::take(&mut self.columns).into_iter().flatten() {
            let chunk = column.close().map_err(refused)?;
            chunk.append_to_row_group(&mut group).map_err(refused)?;
        }
        group.close().map_err(refused)?;
        self.groups += 1;
        self.rows = 0;
        Ok(())
    }
}

/// Encodes the rows of one column.
fn encode(writers: &mut [ArrowColumnWriter], place: usize, batch: &RecordBatch) -> Result<()> {
    let (Some(field), Some(column)) = (batch.schema_ref().fields().get(place), batch.columns().get(place)) else {
        return Err(Error::internal("rows of a part lack a column of its layout"));
    };
    // The type of these rows: they may lack the dictionary that the column has in the file.
    let field = Field::new(field.name(), column.data_type().clone(), field.is_nullable());
    let leaves = compute_leaves(&field, column).map_err(refused)?;
    if leaves.len() != writers.len() {
        return Err(Error::internal("a column of a part has another type than in its layout"));
    }
    writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf).map_err(refused))
}

/// The bytes of a batch's texts in memory. A dictionary that the batch before has as well is not counted again.
fn text_bytes(batch: &RecordBatch, before: Option<&RecordBatch>) -> usize {
    let of_column = |(place, column): (usize, &ArrayRef)| {
        if let Some(map) = column.as_map_opt() {
            return map_length(map);
        }
        let Some(repeated) = column.as_dictionary_opt::<Int32Type>() else { return length(column) };
        let known = before.and_then(|before| before.columns().get(place)?.as_dictionary_opt::<Int32Type>());
        let is_known = known.is_some_and(|known| Arc::ptr_eq(known.values(), repeated.values()));
        if is_known { 0 } else { length(repeated.values()) }
    };
    batch.columns().iter().enumerate().map(of_column).sum()
}

/// The bytes of a column of texts; 0 if it is none.
fn length(column: &ArrayRef) -> usize {
    match column.as_string_opt::<i32>().map(|texts| texts.value_offsets()) {
        Some([first, .., last]) => (last - first) as usize,
        _ => 0,
    }
}

/// The bytes of the texts in the entries of a map, without its keys.
fn map_length(map: &MapArray) -> usize {
    let ([first, .., last], Some(texts)) = (map.value_offsets(), map.values().as_string_opt::<i32>()) else { return 0 };
    let end = |entry: i32| texts.value_offsets().get(entry as usize).copied().unwrap_or_default();
    (end(*last) - end(*first)) as usize
}

#[cfg(test)]
mod tests {
    use arrow_array::{DictionaryArray, Int64Array, StringArray};
    use arrow_schema::Schema;
    use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::properties::WriterPropertiesBuilder};

    use super::*;
    use crate::schema;

    fn properties() -> WriterPropertiesBuilder {
        WriterProperties::builder().set_data_page_row_count_limit(PAGE_ROWS).set_write_batch_size(PAGE_ROWS)
    }

    fn columns(text: DataType) -> SchemaRef {
        let number = Field::new("number", DataType::Int64, true);
        Arc::new(Schema::new(vec![number, Field::new("text", text, true)]))
    }

    /// Batches of several lengths, of more rows than a row group has.
    fn batches(with_dictionary: impl Fn(usize) -> bool) -> Vec<RecordBatch> {
        let lengths = [GROUP_ROWS - 1, 3, 1, PAGE_ROWS, 2_000, PAGE_ROWS / 2, 17];
        let mut begin = 0;
        let batches = lengths.iter().enumerate().map(|(number, rows)| {
            let own = begin..begin + rows;
            begin += rows;
            let numbers: Int64Array = own.clone().map(|row| (row % 5 != 0).then_some(row as i64)).collect();
            let texts: Vec<Option<String>> =
                own.map(|row| (row % 7 != 0).then(|| format!("text {}", row % 100))).collect();
            let texts: ArrayRef = if with_dictionary(number) {
                Arc::new(texts.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
            } else {
                Arc::new(StringArray::from(texts))
            };
            let arrays: Vec<ArrayRef> = vec![Arc::new(numbers), texts];
            RecordBatch::try_new(columns(arrays[1].data_type().clone()), arrays).unwrap()
        });
        batches.collect()
    }

    /// The bytes of the file.
    fn written(batches: &[RecordBatch], threads: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let output = BufWriter::new(fs::File::create_new(&path).unwrap());
        let layout = columns(schema::repeated_text());
        let mut encoder = Encoder::new(output, &layout, properties().build(), threads).unwrap();
        batches.iter().for_each(|batch| encoder.append(batch).unwrap());
        encoder.finish().unwrap().into_inner().unwrap().into_inner().unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn the_file_is_the_same_with_any_number_of_threads_and_without_them() {
        let batches = batches(|_| true);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let file = fs::File::create_new(&path).unwrap();
        let properties = properties().set_max_row_group_row_count(Some(GROUP_ROWS)).build();
        let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.close().unwrap();
        let expected = fs::read(path).unwrap();
        for threads in [1, 2, 5] {
            assert!(written(&batches, threads) == expected, "{threads} threads");
        }
    }

    #[test]
    fn texts_without_a_dictionary_get_that_of_the_layout() {
        let bytes = written(&batches(|number| number % 2 == 0), 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        fs::write(&path, bytes).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        for group in reader.metadata().row_groups() {
            assert!(group.column(1).dictionary_page_offset().is_some());
        }
        let mut row = 0;
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            assert_eq!(*batch.column(1).data_type(), schema::repeated_text());
            let texts = crate::columns::Texts::named(&batch, "text").unwrap();
            for place in 0..batch.num_rows() {
                let expected = (row % 7 != 0).then(|| format!("text {}", row % 100));
                assert_eq!(texts.get(place), expected.as_deref());
                row += 1;
            }
        }
        assert_eq!(row, batches(|_| true).iter().map(RecordBatch::num_rows).sum::<usize>());
    }

    #[test]
    fn few_rows_of_long_texts_do_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let output = BufWriter::new(fs::File::create_new(&path).unwrap());
        let mut encoder = Encoder::new(output, &columns(DataType::Utf8), properties().build(), 3).unwrap();
        let long = "x".repeat(1 << 20);
        for number in 0..12 {
            let text: ArrayRef = if number % 2 == 0 {
                Arc::new(StringArray::from(vec![long.as_str()]))
            } else {
                Arc::new([long.as_str()].into_iter().collect::<DictionaryArray<Int32Type>>())
            };
            let arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![number])), text];
            let batch = RecordBatch::try_new(columns(arrays[1].data_type().clone()), arrays).unwrap();
            // The second time it is the same dictionary.
            for _ in 0..2 {
                encoder.append(&batch).unwrap();
                assert!(encoder.waiting_bytes < WAITING_BYTES);
            }
        }
        encoder.finish().unwrap().into_inner().unwrap().into_inner().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
        let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(rows, 24);
    }
}
