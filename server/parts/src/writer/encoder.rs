//! Encodes rows to row groups, column by column.
//!
//! Encoding and compressing columns is most of the work of a flush and of a merge, and each of them is one thread. On a
//! machine with many cores, some more threads therefore share the columns of a slab of rows. They live as long as the
//! slab takes: a few milliseconds, a hundred times as long as it takes to start them.

use std::{fs, io::BufWriter, mem, thread};

use arrow_array::RecordBatch;
use arrow_schema::{Field, SchemaRef};
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
    /// The columns of the row group in progress; none between row groups.
    columns: Vec<ArrowColumnWriter>,
    groups: usize,
    /// The rows of the row group in progress, including those that wait.
    rows: usize,
    /// Rows that are not encoded yet.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
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
        let (columns, waiting) = (Vec::new(), Vec::new());
        Ok(Self { output, factory, threads, columns, groups: 0, rows: 0, waiting, waiting_rows: 0 })
    }

    pub(super) fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut left = batch.clone();
        while left.num_rows() > 0 {
            let rows = left.num_rows().min(GROUP_ROWS - self.rows);
            self.waiting.push(left.slice(0, rows));
            left = left.slice(rows, left.num_rows() - rows);
            self.rows += rows;
            self.waiting_rows += rows;
            // Only threads that share the columns need many rows at once.
            if self.rows == GROUP_ROWS {
                self.end_group()?;
            } else if self.threads == 1 || self.waiting_rows >= PAGE_ROWS {
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
        if rows == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.groups).map_err(refused)?;
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
            let helpers: Vec<_> = (1..self.threads).map(|_| scope.spawn(work)).collect();
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
        for column in mem::take(&mut self.columns) {
            let chunk = column.close().map_err(refused)?;
            chunk.append_to_row_group(&mut group).map_err(refused)?;
        }
        group.close().map_err(refused)?;
        self.groups += 1;
        self.rows = 0;
        Ok(())
    }
}

/// Encodes the rows of one column. Columns are not nested, so each has one writer.
fn encode(writer: &mut ArrowColumnWriter, place: usize, batch: &RecordBatch) -> Result<()> {
    let (Some(field), Some(column)) = (batch.schema_ref().fields().get(place), batch.columns().get(place)) else {
        return Err(Error::internal("rows of a part lack a column of its layout"));
    };
    // The type of these rows: they may lack the dictionary that the column has in the file.
    let field = Field::new(field.name(), column.data_type().clone(), field.is_nullable());
    for leaf in compute_leaves(&field, column).map_err(refused)? {
        writer.write(&leaf).map_err(refused)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, DictionaryArray, Int64Array, StringArray, types::Int32Type};
    use arrow_schema::{DataType, Schema};
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
}
