//! G11: an attachment from one device to the other, checked and sealed.

use afterword_core::engine::NewFile;
use afterword_core::error::{Error, Result};
use bench_common::corpus::Random;
use bench_common::{Run, since, timed};
use std::time::Instant;

use super::device::{Device, Filled};
use super::live::serving;
use super::syncing::sync_once;

/// Sizes that `bench-parts` sends through bare quinn.
const SIZES: [(&str, usize); 2] = [("8mb", 8_000_000), ("100mb", 100_000_000)];
const ROUNDS: usize = 5;

/// Attaches files of each size on the host and brings them to the guest.
pub(crate) fn measure(run: &Run, host: &Device, guest: &Device, filled: &Filled) -> Result<()> {
    let (a, b) = (host.open()?, guest.open()?);
    serving(&a, |address| {
        sync_once(&b, address)?;
        for (name, size) in SIZES {
            run.step(&format!("attachments of {name}"));
            for round in 0..ROUNDS {
                let id = *filled.ids.get(round).ok_or_else(|| Error::internal("there is no entry to attach to"))?;
                let mut bytes = vec![0; size];
                Random((size + round) as u64).fill(&mut bytes);
                let (attached, took) = timed(|| {
                    a.attach(id, &mut bytes.as_slice(), NewFile { mime: "image/jpeg".into(), ..Default::default() })
                });
                let (attachment, _) = match attached {
                    Ok(attached) => attached,
                    Err(error) => {
                        run.missing(&format!("attach_{name}"), format!("the product refuses it: {error}"));
                        break;
                    }
                };
                run.add(&format!("attach_{name}"), "MB/s", size as f64 / 1e3 / took);
                let started = Instant::now();
                sync_once(&b, address)?;
                run.add(&format!("fetch_{name}"), "MB/s", size as f64 / 1e3 / since(started));
                let mut back = Vec::with_capacity(size);
                b.extract(id, attachment, &mut back)?;
                assert!(back == bytes, "an attachment came back changed");
                // Room on the disk: what is detached everywhere is thrown away.
                a.detach(id, attachment)?;
                sync_once(&b, address)?;
            }
        }
        Ok(())
    })?;
    a.close()?;
    b.close()
}
