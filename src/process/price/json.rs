//! A table of prices from JSON.

use serde_json::{Map, Value as Json};

use super::table::{Per, Price, PriceTable, Row};
use crate::error::{Error, Kind};

/// What a table may say to its readers.
const REMARKS: [&str; 3] = ["date", "sources", "note"];

/// Reads a table. That a number is a price is not looked at here.
pub(super) fn read(text: &str) -> Result<PriceTable, Error> {
    let json = serde_json::from_str(text)
        .map_err(|source| error("a price table has to be JSON".to_owned()).because(source))?;
    let Json::Object(json) = json else {
        return Err(error("a price table has to be a JSON object".to_owned()));
    };
    let (mut per, mut prices) = (Per::default(), None);
    for (key, value) in &json {
        match (key.as_str(), value) {
            ("per", value) => per = read_per(value, "the price table")?,
            ("prices", Json::Array(rows)) => prices = Some(rows),
            ("prices", _) => return Err(error("\"prices\" in a price table has to be a list".to_owned())),
            (remark, _) if REMARKS.contains(&remark) => {}
            _ => return Err(error(format!("a price table has no {key:?}"))),
        }
    }
    let Some(prices) = prices else {
        return Err(error("a price table needs its list \"prices\"".to_owned()));
    };
    let mut table = PriceTable::new();
    for (index, row) in prices.iter().enumerate() {
        read_row(index + 1, row, per, &mut table)?;
    }
    Ok(table)
}

fn read_row(number: usize, row: &Json, mut per: Per, table: &mut PriceTable) -> Result<(), Error> {
    let Json::Object(row) = row else {
        return Err(error(format!("price {number} of the table has to be an object")));
    };
    let models = models(row).ok_or_else(|| error(format!("price {number} of the table names no model")))?;
    let place = format!("the price of {:?}", models.join(", "));
    let mut price = Price::default();
    for (key, value) in row {
        match (key.as_str(), value) {
            ("model" | "note", _) => {}
            ("per", value) => per = read_per(value, &place)?,
            ("from", Json::String(date)) => price = price.valid_from(date.as_str()),
            ("buckets", Json::Object(buckets)) => {
                for (name, dollars) in buckets {
                    price = read_price(price, name, dollars, &place)?;
                }
            }
            // Of the names that a bucket may have only these: a misspelt one would be no price and no error.
            (name, value) if is_side(name) => price = read_price(price, name, value, &place)?,
            _ => return Err(error(format!("{place}: {key:?} cannot be {value}"))),
        }
    }
    let rows = models.into_iter().map(|model| Row {
        model: model.to_owned(),
        price: price.clone(),
        per,
    });
    table.rows.extend(rows);
    Ok(())
}

fn models(row: &Map<String, Json>) -> Option<Vec<&str>> {
    let models = match row.get("model")? {
        Json::String(model) => vec![model.as_str()],
        Json::Array(models) => models.iter().map(Json::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    (!models.is_empty()).then_some(models)
}

fn is_side(name: &str) -> bool {
    ["input", "output"].iter().any(|side| {
        name.strip_prefix(side)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

fn read_price(price: Price, name: &str, dollars: &Json, place: &str) -> Result<Price, Error> {
    let Some(dollars) = dollars.as_f64() else {
        return Err(error(format!(
            "{place}: {name:?} has to be a number, not {dollars}"
        )));
    };
    Ok(price.bucket(name.to_owned(), dollars))
}

fn read_per(value: &Json, place: &str) -> Result<Per, Error> {
    match value.as_str() {
        Some("1K") => Ok(Per::Thousand),
        Some("1M") => Ok(Per::Million),
        _ => Err(error(format!(
            "{place}: \"per\" has to be \"1K\" or \"1M\", not {value}"
        ))),
    }
}

fn error(message: String) -> Error {
    Error::new(Kind::InvalidValue, message)
}
