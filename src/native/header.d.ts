/** The addon as `npm run build:addon` generates it from crates/addon. Do not edit. */
/* eslint-disable */
