"""Words of the story: pools that the scenes draw from. Nobody and nothing in them is from another book."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


POOLS: dict[str, tuple[str, ...]] = {
    "clerk": _split("Marrin, Marrin Oske, the tide clerk, Marrin, the clerk"),
    "mender": _split("Tobb, Tobb Fesk, the kite mender, Tobb, her cousin"),
    "quality": _split(
        "rusted, salt-white, crooked, borrowed, hollow, tarred, cracked, gilded, patched, swollen, narrow, splintered, "
        "dripping, lopsided, mossy, blackened, polished, striped, leaking, unpainted, tangled, wax-sealed, dented, "
        "threadbare, barnacled, wobbling, copper-bound, half-buried, moth-eaten, sun-bleached"
    ),
    "thing": _split(
        "lantern, ladder, anchor, kettle, barrel, ledger, compass, bucket, rudder, shutter, whistle, wheelbarrow, "
        "mooring post, fish trap, oar, pulley, sundial, drum, basket, hammock, weathervane, spyglass, trunk, chimney, "
        "net, anvil, signboard, candlestick, cradle, bellows, saddle, inkwell, mirror, staircase, millstone, harp"
    ),
    "stuff": _split(
        "cork, driftwood, slate, whalebone, sailcloth, copper, beeswax, tin, sea glass, chalk, clay, amber, wool, "
        "lead, oak, brass, oyster shell, pumice, horsehair, flint"
    ),
    "corner": _split(
        "cellar, loft, boathouse, counting room, smokehouse, bell tower, pantry, courtyard, rope walk, back stair, "
        "salt store, gatehouse, kitchen, well shaft, sail loft, herb garden, stable, signal room, bakehouse, crypt"
    ),
    "sky": _split(
        "a thin rain, yellow fog, dry thunder, a cold east wind, slow hail, bright haze, a low green cloud, sea smoke, "
        "sudden sleet, a moonless dusk, warm drizzle, a red dawn, drifting ash, a hard frost, pale sunlight"
    ),
    "beast": _split(
        "cormorants, sand hares, a blind mule, two otters, hermit crabs, a limping goat, starlings, grey seals, "
        "a colony of bats, stray dogs, a white heron, beetles, an old tortoise, swallows, moor ponies, a one-eyed cat"
    ),
    "meal": _split(
        "barley soup, pickled eel, burnt porridge, a wheel of cheese, cold dumplings, quince bread, fried seaweed, "
        "turnip stew, honey cakes, smoked mackerel, onion pie, boiled chestnuts, sour plums, oat biscuits, crab broth"
    ),
    "number": _split(
        "three, seven, eleven, fourteen, twenty, thirty-one, forty, nine, sixteen, five, twelve, a hundred"
    ),
    "went": _split(
        "climbed, crept, stumbled, hurried, waded, limped, marched, tiptoed, wandered, raced, crawled, rowed, trudged"
    ),
    "said": _split(
        "whispered, answered, shouted, muttered, sighed, laughed, insisted, grumbled, sang, warned, admitted, repeated"
    ),
    "mood": _split(
        "uneasy, hopeful, furious, homesick, sleepless, stubborn, ashamed, hungry, curious, weary, cheerful, suspicious"
    ),
    "when": _split(
        "before dawn, at noon, after supper, on the third evening, by candlelight, as the wind changed, that night, "
        "an hour later, towards sunset, during the second watch, at cockcrow, when the fog lifted, all morning"
    ),
    "where": _split(
        "beneath the floor, behind the oven, under the jetty, above the door, inside the wall, beside the well, "
        "past the last dune, among the reeds, between two sails, below the stairs, across the yard, on the roof"
    ),
    "sign": _split(
        "a knotted cord, a blue thread, wet footprints, a torn map, chalk marks, a warm key, a folded receipt, "
        "a ring of shells, a silver fishhook, scratched numbers, a broken seal, a feather dipped in ink, "
        "an empty purse, a child's drawing, half a coin, a smear of pitch"
    ),
    "deed": _split(
        "mended the hinge, counted the planks, bribed the porter, copied the chart, burned the letter, oiled the lock, "
        "greased the axle, hid the lamp, emptied the sacks, drew the curtain, tied the goat, measured the step, "
        "stitched the sail, swept the ashes, lifted the hatch, turned the hourglass, filled the flasks, rang for help"
    ),
    "fear": _split(
        "thieves, quicksand, the bailiff, an early flood, poisoned wells, hunger, wreckers, a false chart, the dark, "
        "gossip, rotten ropes, an ambush, fever, the tax boats"
    ),
    "craft": _split(
        "clockmaker, ferrywoman, eel catcher, glass blower, bell founder, ropemaker, midwife, gravedigger, map seller, "
        "beekeeper, lamplighter, basket weaver, saltpanner, cooper, net maker, chandler"
    ),
}
