//! Any bytes as the control connection of a whole session: nothing panics, each command gets exactly one final reply, and
//! what lies beside the home is neither changed nor sent.
//!
//! The server runs in this process. Where a reply names a passive port, the client connects, sends a little and reads
//! all; `@PORT` in the input stands for the address of its own listener, as PORT wants it.
#![no_main]

#[path = "session/dialogue.rs"]
mod dialogue;
#[path = "session/replies.rs"]
mod replies;
#[path = "session/world.rs"]
mod world;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use dialogue::Dialogue;
use replies::Replies;
use world::World;

fuzz_target!(|input: &[u8]| {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    world.make_home();
    let dialogue = Dialogue::with(world.address);
    let said = [&dialogue.fill_in(input)[..], b"\r\nQUIT\r\n"].concat();
    let heard = dialogue.run(&said);
    Replies::read(&heard.replies, heard.reset).expect_one_for_each_line_of(&said, heard.reset);
    world.expect_nothing_shown(&heard.all());
    world.expect_untouched();
});
