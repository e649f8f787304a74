// The page of `retemper play`: begins here.

import { render } from "preact";
import { App } from "./app.js";
import { Play } from "./play.js";

const play = new Play();
render(<App play={play} />, document.body);
void play.start();
