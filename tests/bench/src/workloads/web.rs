//! Workloads over HTTP. The connection is kept, if not said otherwise; nobody logs in.

use std::fs::{self, File};

use super::crowd::by_many;
use super::one::{SmallUpload, WARM_UP, repeat, same, upload_repeatedly};
use crate::cell::Bench;
use crate::client::Content;
use crate::data;
use crate::failure::Failure;
use crate::web_client::WebClient;

type Numbers = Result<Vec<f64>, Failure>;

pub fn probe(bench: &mut Bench) -> Numbers {
    let mut client = bench.web()?;
    let sent = fs::read(bench.home.join(data::SMALL))?;
    same("the right bytes come", client.fetch(&format!("/{}", data::SMALL))? == sent, true)?;
    get_small_file(&mut client)?;
    if bench.server.peer.takes_web_uploads() {
        let small = SmallUpload::new();
        client.put(&format!("/{}", small.name), Content::Bytes(&small.bytes))?;
        same("the right bytes are stored", fs::read(bench.home.join(&small.name))? == small.bytes, true)?;
    }
    Ok(Vec::new())
}

pub fn get_big(bench: &mut Bench) -> Numbers {
    let (mut client, size) = (bench.web()?, bench.effort.big);
    Ok(repeat(bench, 1, || get(&mut client, data::BIG, size))?.per_gigabyte(size))
}

pub fn put_big(bench: &mut Bench) -> Numbers {
    if !bench.server.peer.takes_web_uploads() {
        return Err(Failure::Unsupported("PUT".to_owned()));
    }
    let (mut client, size) = (bench.web()?, bench.effort.big);
    let file = File::open(bench.home.join(data::BIG))?;
    upload_repeatedly(bench, size, |name| client.put(&format!("/{name}"), Content::File(&file, size)))
}

pub fn get_small(bench: &mut Bench) -> Numbers {
    let mut client = bench.web()?;
    Ok(repeat(bench, WARM_UP, || get_small_file(&mut client))?.per_operation())
}

/// 16 clients at once.
pub fn get_small_by_many(bench: &mut Bench) -> Numbers {
    by_many(bench, || {
        let mut client = bench.web()?;
        Ok(move || get_small_file(&mut client))
    })
}

/// A connection for each.
pub fn get_small_once(bench: &mut Bench) -> Numbers {
    Ok(repeat(bench, WARM_UP, || get_small_file(&mut bench.web()?))?.per_operation())
}

/// The list for programs.
pub fn list(bench: &mut Bench) -> Numbers {
    let path = bench.server.peer.web_list()?;
    let text = bench.web()?.fetch(path)?;
    let named = text.windows(data::ENTRY.len()).filter(|window| *window == data::ENTRY.as_bytes()).count();
    if u32::try_from(named).is_ok_and(|named| named >= data::MANY.1) {
        return listing(bench, path);
    }
    Err(Failure::broken(format!("{path}: {named} entries instead of {}", data::MANY.1)))
}

/// The page for people.
pub fn page(bench: &mut Bench) -> Numbers {
    listing(bench, &format!("/{}/", data::MANY.0))
}

pub fn get_small_file(client: &mut WebClient) -> Result<(), Failure> {
    get(client, data::SMALL, data::SMALL_SIZE)
}

/// GET of a file whose size is known.
fn get(client: &mut WebClient, name: &str, size: u64) -> Result<(), Failure> {
    same("bytes", client.get(&format!("/{name}"))?, size)
}

/// How long it is differs: some write how old an entry is.
fn listing(bench: &mut Bench, path: &str) -> Numbers {
    let entries = f64::from(data::MANY.1);
    let (mut client, mut bytes) = (bench.web()?, 0.0);
    let run = repeat(bench, 1, || {
        bytes = client.get(path)? as f64;
        same("at least a name for each entry", bytes > entries * data::ENTRY.len() as f64, true)
    })?;
    bench.note(format!("{:.0} bytes an entry", bytes / entries));
    let done = run.operations * entries;
    Ok(vec![done / run.wall / 1e3, run.cpu / done * 1e6])
}
