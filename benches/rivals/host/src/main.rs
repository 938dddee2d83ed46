//! It does something with everything that it has, so that the linker keeps it.

use std::error::Error;

#[cfg(feature = "client")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "llm")]
    let _llm = tracing_llm::init()?;
    #[cfg(not(feature = "llm"))]
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    println!("{}", get(&question()).await?);
    Ok(())
}

#[cfg(feature = "client")]
#[tracing::instrument(err)]
async fn get(url: &str) -> reqwest::Result<String> {
    reqwest::get(url).await?.text().await
}

#[cfg(not(feature = "client"))]
fn main() -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "llm")]
    let _llm = tracing_llm::init()?;
    println!("{}", answer(&question()));
    Ok(())
}

#[cfg(not(feature = "client"))]
#[cfg_attr(feature = "llm", tracing::instrument(ret))]
fn answer(question: &str) -> usize {
    question.len()
}

fn question() -> String {
    std::env::args().nth(1).unwrap_or_default()
}
