//! The events of the shop: short stories across the three services with a shared trace, mostly without errors.

use wire::v1::{Attribute, attribute::Value};

use crate::random::SplitMix;

const CUSTOMERS: [&str; 8] = ["mina", "joon", "alice", "omar", "yuki", "lena", "pavel", "sofia"];
const PRODUCTS: [&str; 8] =
    ["desk lamp", "tea kettle", "rain jacket", "notebook", "headphones", "bike light", "coffee beans", "keyboard"];

/// One log line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub service: &'static str,
    pub level: &'static str,
    pub message: String,
    pub attributes: Vec<Attribute>,
}

impl Line {
    pub(super) fn new(service: &'static str, level: &'static str, message: impl Into<String>) -> Self {
        Self { service, level, message: message.into(), attributes: Vec::new() }
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.attributes.push(Attribute { key: key.to_owned(), value: Some(value) });
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.with(key, Value::Text(value.to_owned()))
    }

    fn integer(self, key: &str, value: u32) -> Self {
        self.with(key, Value::Integer(value.into()))
    }
}

/// Generates one story.
pub(super) fn random_story(random: &mut SplitMix) -> Vec<Line> {
    match random.below(100) {
        0..45 => browse(random),
        45..60 => sign_in(random),
        60..85 => buy(random),
        85..91 => declined(random),
        91..95 => provider_down(random),
        95..98 => restock(random),
        _ => housekeeping(random),
    }
}

fn request(method: &str, path: &str, status: u32, milliseconds: u32) -> Line {
    let level = match status {
        500.. => "error",
        400.. => "warn",
        _ => "http",
    };
    Line::new("gateway", level, format!("{method} {path} answered {status} in {milliseconds} ms"))
        .text("http.method", method)
        .text("http.path", path)
        .integer("http.status", status)
        .integer("duration_ms", milliseconds)
}

fn browse(random: &mut SplitMix) -> Vec<Line> {
    let product = 100 + random.below(900);
    let mut lines = vec![];
    if random.per_mille(250) {
        let message = format!("product {product} is not in the cache, reading it from the database");
        lines.push(Line::new("orders", "debug", message).integer("product", product));
    }
    let missing = random.per_mille(40);
    let status = if missing { 404 } else { 200 };
    lines.push(request("GET", &format!("/products/{product}"), status, 3 + random.below(60)));
    lines
}

fn sign_in(random: &mut SplitMix) -> Vec<Line> {
    let customer = random.pick(&CUSTOMERS);
    if random.per_mille(200) {
        let attempts = 2 + random.below(4);
        return vec![
            Line::new("gateway", "warn", format!("{attempts} failed sign-ins for {customer} within a minute"))
                .text("user_id", customer)
                .integer("attempts", attempts),
            request("POST", "/session", 401, 20 + random.below(30)),
        ];
    }
    vec![
        Line::new("gateway", "info", format!("{customer} signed in")).text("user_id", customer),
        request("POST", "/session", 201, 25 + random.below(60)),
    ]
}

/// An order number, a customer and a price, and the lines up to the payment.
fn checkout(random: &mut SplitMix) -> (u32, &'static str, Vec<Line>) {
    let order = 10_000 + random.below(90_000);
    let customer = random.pick(&CUSTOMERS);
    let product = random.pick(&PRODUCTS);
    let items = 1 + random.below(4);
    let lines = vec![
        Line::new("orders", "debug", format!("cart of {customer} loaded: {items} × {product}"))
            .text("user_id", customer)
            .integer("items", items),
        Line::new("orders", "info", format!("order {order} placed by {customer}: {items} × {product}"))
            .integer("order", order)
            .text("user_id", customer),
    ];
    (order, customer, lines)
}

fn buy(random: &mut SplitMix) -> Vec<Line> {
    let (order, customer, mut lines) = checkout(random);
    let (euros, cents) = (5 + random.below(180), random.below(100));
    let card = 1000 + random.below(9000);
    let message = format!("{euros}.{cents:02} EUR authorised for order {order}, card ending in {card}");
    lines.push(Line::new("payments", "info", message).integer("order", order).text("user_id", customer));
    lines.push(Line::new("orders", "notice", format!("order {order} confirmed")).integer("order", order));
    lines.push(request("POST", "/checkout", 201, 120 + random.below(400)));
    lines
}

fn declined(random: &mut SplitMix) -> Vec<Line> {
    let (order, customer, mut lines) = checkout(random);
    let reason = random.pick(&["insufficient funds", "card expired", "3-D Secure was not completed"]);
    lines.push(
        Line::new("payments", "warn", format!("payment for order {order} declined: {reason}"))
            .integer("order", order)
            .text("user_id", customer)
            .text("reason", reason),
    );
    lines.push(request("POST", "/checkout", 402, 150 + random.below(300)));
    lines
}

fn provider_down(random: &mut SplitMix) -> Vec<Line> {
    let (order, customer, mut lines) = checkout(random);
    for attempt in 1..=3 {
        let message = format!("the card provider did not answer within 1000 ms, attempt {attempt} of 3");
        lines.push(Line::new("payments", "warn", message).integer("order", order).integer("attempt", attempt));
    }
    let trace = "ProviderTimeout: connection reset by peer\n    at authorise (payments/provider.js:88:13)\n    \
                 at async settle (payments/settle.js:41:5)";
    lines.push(
        Line::new("payments", "error", format!("payment for order {order} failed\n{trace}")).integer("order", order),
    );
    lines.push(
        Line::new("orders", "error", format!("order {order} of {customer} cancelled: no payment"))
            .integer("order", order)
            .text("user_id", customer),
    );
    lines.push(request("POST", "/checkout", 502, 3_000 + random.below(200)));
    lines
}

fn restock(random: &mut SplitMix) -> Vec<Line> {
    let product = random.pick(&PRODUCTS);
    let left = random.below(6);
    let level = if left == 0 { "error" } else { "warn" };
    let mut lines = vec![
        Line::new("orders", level, format!("{left} of {product} left in stock"))
            .text("product", product)
            .integer("left", left),
    ];
    lines.push(Line::new("orders", "info", format!("{product} reordered from the supplier")).text("product", product));
    lines
}

fn housekeeping(random: &mut SplitMix) -> Vec<Line> {
    let (idle, busy) = (random.below(12), random.below(12));
    let service = random.pick(&["gateway", "orders", "payments"]);
    vec![
        Line::new(service, "debug", format!("connection pool: {idle} idle, {busy} busy")).integer("busy", busy),
        Line::new(service, "info", "configuration checked, nothing changed"),
    ]
}
