//! Evaluates a query on the columns of a part.
//!
//! The query is bound to one part: a test of an attribute that the part does not have is constant false, which may make
//! the whole query constant. The rest is split at its outermost `AND` into conditions, cheapest first. Each condition
//! reads its columns only for the rows that passed the previous ones. What tests messages alone is one condition, which
//! is evaluated on the bytes of their pages.

mod bounds;
mod contains;
mod formed;
mod leaf;
mod messages;
mod pages;
mod probe;
mod prune;
mod wanted;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use model::{
    LevelClass, Query, Text,
    query::{Expr, Field, Test},
};
use parts::{
    reading::{Condition, RowTest},
    rest,
    scan::{MessageTest, Page},
    schema::{self, Columns, Kind, RestMap},
    totals::Totals,
};
use pipeline::{Error, Result};

use self::{contains::Contains, leaf::Leaf, messages::MessageLeaf, probe::Probe};
pub(crate) use self::{
    prune::{candidates, names_ids, read_ahead},
    wanted::{rules_out, wanted},
};
use super::scans::Cancel;

/// A query bound to a part, as far as it can be evaluated without reading rows.
pub(crate) enum Bound {
    /// No row matches.
    Nothing,
    /// The rows that pass all conditions match; without conditions, every row.
    Conditions(Vec<Condition>),
}

/// Binds the query to a part's columns.
pub(crate) fn bind(query: &Query, layout: &Columns, cancel: &Cancel) -> Bound {
    let conjuncts = match node(&query.expr, layout) {
        Node::Constant(true) => Vec::new(),
        Node::Constant(false) => return Bound::Nothing,
        Node::And(nodes) => nodes,
        node => vec![node],
    };
    let by_cost = |nodes: Vec<Node>| -> Vec<(u32, Vec<usize>, Node)> {
        let mut nodes: Vec<_> = nodes.into_iter().map(Node::with_needs).collect();
        nodes.sort_by_key(|(cost, ..)| *cost);
        nodes
    };
    let (of_messages, others): (Vec<Node>, Vec<Node>) = conjuncts.into_iter().partition(Node::is_of_messages);
    let mut conjuncts = by_cost(others);
    let mut of_messages = by_cost(of_messages).into_iter();
    if let Some((cost, columns, first)) = of_messages.next() {
        // Each page is decompressed once for all of them.
        let nodes: Vec<Node> = std::iter::once(first).chain(of_messages.map(|(.., node)| node)).collect();
        let before = conjuncts.partition_point(|(other, ..)| *other <= cost);
        conjuncts.insert(before, (cost, columns, Node::And(nodes)));
    }
    let condition =
        |(_, columns, node)| Condition { columns, test: Box::new(Conjunct { node, cancel: cancel.clone() }) };
    Bound::Conditions(conjuncts.into_iter().map(condition).collect())
}

/// One operand of the outermost `AND`, as a test of rows.
struct Conjunct {
    node: Node,
    cancel: Cancel,
}

impl RowTest for Conjunct {
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        self.cancel.check()?;
        Ok(BooleanArray::new(self.node.scan(batch)?, None))
    }

    fn on_pages(&mut self) -> Option<&mut dyn MessageTest> {
        if self.node.is_of_messages() { Some(self) } else { None }
    }
}

impl MessageTest for Conjunct {
    fn scan(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        self.cancel.check()?;
        self.node.scan_page(page, passes)
    }
}

/// The number of matching rows per service and level class; `None` if other fields decide about a row.
pub(crate) fn matching_totals<'t>(query: &Query, totals: &'t Totals) -> Option<Vec<(&'t str, LevelClass, u64)>> {
    let mut record = probe::blank();
    let mut matching = Vec::new();
    for (service, counts) in totals {
        record.service = Text::from(service.as_str());
        for (class, rows) in LevelClass::ALL.into_iter().zip(counts).filter(|(_, rows)| **rows > 0) {
            record.severity = class.lowest();
            if query.decided_by_service_and_class(&record)? {
                matching.push((service.as_str(), class, *rows));
            }
        }
    }
    Some(matching)
}

/// A bound expression.
enum Node {
    Constant(bool),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf {
        leaf: Box<Leaf>,
        columns: Vec<usize>,
        cost: u32,
        /// The same test on pages, if it reads messages alone.
        on_pages: Option<Box<MessageLeaf>>,
    },
}

/// The relative cost of reading ids (see [`node`]).
const IDS_COST: u32 = 3;

fn node(expr: &Expr, layout: &Columns) -> Node {
    match expr {
        Expr::All => Node::Constant(true),
        Expr::And(operands) => junction(operands, layout, false),
        Expr::Or(operands) => junction(operands, layout, true),
        Expr::Not(operand) => match node(operand, layout) {
            Node::Constant(value) => Node::Constant(!value),
            node => Node::Not(Box::new(node)),
        },
        Expr::Contains(text) => {
            let contains = Contains::new(text);
            Node::Leaf {
                leaf: Box::new(Leaf::Contains(contains.clone())),
                columns: vec![layout.place(schema::MESSAGE)],
                cost: 8,
                on_pages: Some(Box::new(MessageLeaf::Contains(contains))),
            }
        }
        Expr::Field(Field::Attribute(key), test) => attribute(key, test, layout),
        // If the test depends only on the severity, the level column is not read.
        Expr::Field(Field::Level, test) if test.is_by_severity() => {
            Node::leaf(Leaf::severity(test), vec![layout.place(schema::SEVERITY)], 0)
        }
        Expr::Field(Field::TraceId, Test::AnyOf(texts)) => ids(schema::TRACE_ID, texts, layout),
        Expr::Field(Field::SpanId, Test::AnyOf(texts)) => ids(schema::SPAN_ID, texts, layout),
        Expr::Field(field, test) => {
            let (names, cost): (&[&str], u32) = match field {
                Field::Level => (&[schema::SEVERITY, schema::LEVEL], 1),
                Field::Service => (&[schema::SERVICE], 1),
                Field::Node => (&[schema::NODE], 1),
                Field::TraceId => (&[schema::TRACE_ID], IDS_COST),
                Field::SpanId => (&[schema::SPAN_ID], IDS_COST),
                Field::Id => (&[schema::ID_BASE, schema::POSITION], IDS_COST),
                _ => (&[schema::MESSAGE], 12),
            };
            Node::Leaf {
                leaf: Box::new(Leaf::Core { field: field.clone(), probe: Probe::new(field, test) }),
                columns: names.iter().map(|name| layout.place(name)).collect(),
                cost,
                on_pages: (*field == Field::Message).then(|| Box::new(MessageLeaf::new(test))),
            }
        }
    }
}

fn ids(column: &'static str, texts: &[String], layout: &Columns) -> Node {
    Node::leaf(Leaf::ids(column, texts), vec![layout.place(column)], IDS_COST)
}

/// A conjunction, or with `either` a disjunction, without its constant operands.
fn junction(operands: &[Expr], layout: &Columns, either: bool) -> Node {
    let mut nodes = Vec::new();
    for operand in operands {
        match node(operand, layout) {
            Node::Constant(value) if value == either => return Node::Constant(either),
            Node::Constant(_) => {}
            node => nodes.push(node),
        }
    }
    match (nodes.len(), nodes.pop()) {
        (_, None) => Node::Constant(!either),
        (1, Some(node)) => node,
        (_, Some(last)) => {
            nodes.push(last);
            if either { Node::Or(nodes) } else { Node::And(nodes) }
        }
    }
}

fn attribute(key: &str, test: &Test, layout: &Columns) -> Node {
    let own: Vec<_> = layout.of_attribute(key).cloned().collect();
    let rest = layout.rest_of(key).only(|map| may_pass(map, test));
    if own.is_empty() && rest.is_none() {
        return Node::Constant(false);
    }
    let mut columns: Vec<usize> = own.iter().map(|(place, _)| *place).collect();
    columns.extend(rest.columns());
    let cost = if !rest.is_none() {
        10
    } else if own.iter().any(|(_, attribute)| attribute.kind == Kind::Text && attribute.form.is_plain()) {
        3
    } else {
        2
    };
    let leaf = Leaf::Attribute {
        key: key.to_owned(),
        columns: own.into_iter().map(|(_, attribute)| attribute).collect(),
        rest,
        test: test.clone(),
        probe: Probe::new(&Field::Attribute(key.to_owned()), test),
    };
    Node::leaf(leaf, columns, cost)
}

/// Whether a value of the map may pass the test.
fn may_pass(map: RestMap, test: &Test) -> bool {
    match test {
        Test::AnyOf(texts) => texts.iter().any(|text| rest::may_hold(map, text)),
        // A text that is a number is compared as one.
        Test::Compare(..) => map != RestMap::Bool,
        _ => true,
    }
}

impl Node {
    fn leaf(leaf: Leaf, columns: Vec<usize>, cost: u32) -> Self {
        Self::Leaf { leaf: Box::new(leaf), columns, cost, on_pages: None }
    }

    /// The node with its relative cost and the columns that it reads.
    fn with_needs(self) -> (u32, Vec<usize>, Self) {
        let (mut columns, mut cost) = (Vec::new(), 0);
        self.needs(&mut columns, &mut cost);
        columns.sort_unstable();
        columns.dedup();
        (cost, columns, self)
    }

    /// Whether it can be evaluated on pages of messages.
    fn is_of_messages(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().all(Self::is_of_messages),
            Self::Not(node) => node.is_of_messages(),
            Self::Leaf { on_pages, .. } => on_pages.is_some(),
        }
    }

    /// Adds the columns it reads and its relative cost.
    fn needs(&self, all: &mut Vec<usize>, total: &mut u32) {
        match self {
            Self::Constant(_) => {}
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().for_each(|node| node.needs(all, total)),
            Self::Not(node) => node.needs(all, total),
            Self::Leaf { columns, cost, .. } => {
                all.extend(columns);
                *total += cost;
            }
        }
    }

    fn scan(&mut self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        match self {
            Self::Constant(true) => Ok(BooleanBuffer::new_set(batch.num_rows())),
            Self::Constant(false) => Ok(BooleanBuffer::new_unset(batch.num_rows())),
            Self::Not(node) => Ok(!&node.scan(batch)?),
            Self::Leaf { leaf, .. } => leaf.scan(batch),
            Self::And(nodes) => {
                let mut found = BooleanBuffer::new_set(batch.num_rows());
                for node in nodes {
                    found = &found & &node.scan(batch)?;
                    if found.count_set_bits() == 0 {
                        break;
                    }
                }
                Ok(found)
            }
            Self::Or(nodes) => {
                let mut found = BooleanBuffer::new_unset(batch.num_rows());
                for node in nodes {
                    found = &found | &node.scan(batch)?;
                    if found.count_set_bits() == found.len() {
                        break;
                    }
                }
                Ok(found)
            }
        }
    }

    /// Clears the entries of the messages of a page that do not pass.
    fn scan_page(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        match self {
            Self::Constant(true) => {}
            Self::Constant(false) => passes.fill(false),
            Self::Leaf { on_pages: Some(leaf), .. } => leaf.scan(page, passes)?,
            Self::Leaf { on_pages: None, .. } => return Err(Error::internal("a test reads more than messages")),
            Self::Not(node) => {
                let mut found = passes.to_vec();
                node.scan_page(page, &mut found)?;
                passes.iter_mut().zip(found).for_each(|(passes, found)| *passes &= !found);
            }
            Self::And(nodes) => {
                for node in nodes {
                    node.scan_page(page, passes)?;
                    if !passes.contains(&true) {
                        break;
                    }
                }
            }
            Self::Or(nodes) => {
                // The messages that pass no operand so far.
                let mut left = passes.to_vec();
                for node in nodes {
                    let mut found = left.clone();
                    node.scan_page(page, &mut found)?;
                    left.iter_mut().zip(found).for_each(|(left, found)| *left &= !found);
                    if !left.contains(&true) {
                        break;
                    }
                }
                passes.iter_mut().zip(left).for_each(|(passes, left)| *passes &= !left);
            }
        }
        Ok(())
    }
}
