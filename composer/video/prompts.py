"""The prompt bank: sentences a picture is compared with, each with the mood it stands for.

Valence (unpleasant to pleasant) and arousal (calm to excited) are given by hand, -1..1, on Russell's
circumplex (1980). Tags are the words that palettes and styles are chosen by. The order of ``BANK`` is that of
the columns of `VideoFeatures.semantic_scores`, see `composer.video.likeness`. ``PROMPTS`` come first and stay as
they are, in number and order: they are the columns that the chord networks know. ``FURTHER_PROMPTS`` fill the
corners of the mood plane that they leave thin; ``AESTHETIC_PROMPTS`` tell how a picture is made, not what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = ("mood", "genre", "scene", "instrument")  # what a picture shows: these tell mood and tags
AESTHETIC_CATEGORIES = ("lighting", "composition", "colour")  # how it is made


@dataclass(frozen=True)
class Prompt:
    """One sentence of the bank. ``category`` is one of ``CATEGORIES`` or ``AESTHETIC_CATEGORIES``; mood in -1..1."""

    text: str
    category: str
    valence: float
    arousal: float
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        known = CATEGORIES + AESTHETIC_CATEGORIES
        if self.category not in known:
            raise ValueError(f"category {self.category!r} is none of {', '.join(known)}")
        if not (-1 <= self.valence <= 1 and -1 <= self.arousal <= 1):
            raise ValueError(f"{self.text!r}: mood ({self.valence}, {self.arousal}) is outside -1..1")


def _mood(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a film still with a {text} mood", "mood", valence, arousal, tuple(tags.split()))


def _genre(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a still from {text}", "genre", valence, arousal, tuple(tags.split()))


def _scene(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a film still of {text}", "scene", valence, arousal, tuple(tags.split()))


def _music(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a scene that calls for {text}", "instrument", valence, arousal, tuple(tags.split()))


def _look(category: str, text: str, valence: float, arousal: float) -> Prompt:
    return Prompt(f"a picture with {text}", category, valence, arousal, ())


PROMPTS: tuple[Prompt, ...] = (
    _mood("happy and cheerful", 0.8, 0.4, "happy light"),
    _mood("joyful and exuberant", 0.9, 0.8, "happy dance"),
    _mood("peaceful and calm", 0.5, -0.7, "calm"),
    _mood("tender and romantic", 0.6, -0.3, "romantic tender"),
    _mood("nostalgic and wistful", 0.1, -0.4, "nostalgic"),
    _mood("sad and melancholic", -0.6, -0.5, "sad melancholic"),
    _mood("lonely and desolate", -0.6, -0.6, "loneliness"),
    _mood("dark and gloomy", -0.6, -0.2, "dark"),
    _mood("mysterious and eerie", -0.3, 0.1, "mystery eerie"),
    _mood("tense and suspenseful", -0.5, 0.5, "tension suspense"),
    _mood("frightening and horrifying", -0.8, 0.8, "horror scary fear"),
    _mood("angry and violent", -0.7, 0.8, "action battle"),
    _mood("epic and triumphant", 0.7, 0.7, "epic triumph heroic"),
    _mood("magical and full of wonder", 0.6, 0.1, "magic wonder"),
    _mood("playful and funny", 0.7, 0.4, "comedy quirky"),
    _genre("an action film", 0.0, 0.8, "action chase"),
    _genre("a comedy", 0.6, 0.3, "comedy"),
    _genre("a serious drama", -0.2, -0.1, "drama serious"),
    _genre("a horror film", -0.7, 0.6, "horror dark"),
    _genre("a love story", 0.6, -0.2, "romantic"),
    _genre("a science fiction film", 0.0, 0.3, "sci-fi technology space"),
    _genre("a fantasy adventure", 0.4, 0.4, "fantasy adventure"),
    _genre("an animated film for children", 0.7, 0.3, "children animals magic"),
    _genre("a nature documentary", 0.4, -0.2, "documentary nature"),
    _genre("a historical war film", -0.5, 0.6, "war history military"),
    _genre("a crime film noir", -0.4, 0.2, "noir crime"),
    _genre("a home video", 0.5, 0.1, "home vlog family"),
    _genre("an advertisement for a product", 0.4, 0.3, "modern"),
    _scene("a wide landscape with mountains", 0.5, 0.0, "landscape mountains aerial"),
    _scene("the sea and a beach", 0.5, -0.2, "ocean sea beach"),
    _scene("a forest or a garden", 0.4, -0.3, "forest garden nature"),
    _scene("a sunset or a sunrise", 0.5, -0.4, "sunset morning"),
    _scene("a busy city street by day", 0.1, 0.4, "city urban street"),
    _scene("a city at night with neon lights", 0.0, 0.4, "city night neon"),
    _scene("rain, fog or a storm", -0.3, 0.0, "rain fog"),
    _scene("snow and winter", 0.2, -0.3, "snow winter"),
    _scene("people talking in a room", 0.1, -0.1, "dialogue indoor"),
    _scene("a close-up of a face", 0.0, 0.0, "portrait intimate"),
    _scene("a crowd celebrating at a party", 0.8, 0.8, "party dance people"),
    _scene("sport and athletes", 0.4, 0.8, "sport competition"),
    _scene("a fast car or a chase", 0.0, 0.9, "cars chase fast"),
    _scene("animals", 0.5, 0.0, "animals"),
    _scene("children playing", 0.7, 0.4, "children innocent"),
    _scene("machines, computers or a laboratory", 0.0, 0.1, "technology science"),
    _scene("stars, planets or outer space", 0.2, 0.0, "space"),
    _scene("a church, a temple or an old ruin", 0.0, -0.3, "religious ancient temple"),
    _scene("food and cooking", 0.5, 0.1, "food"),
    _music("a quiet solo piano", 0.0, -0.5, "piano intimate"),
    _music("a large symphony orchestra", 0.4, 0.4, "orchestra cinematic"),
    _music("slow expressive strings", -0.3, -0.2, "strings emotional"),
    _music("pulsing electronic synthesisers", 0.1, 0.5, "electronic modern"),
    _music("an acoustic guitar and folk songs", 0.5, 0.0, "acoustic guitar folk"),
    _music("a jazz band", 0.4, 0.2, "jazz"),
    _music("a music box lullaby", 0.5, -0.5, "music-box lullaby"),
    _music("a choir", 0.1, 0.1, "choir grand"),
    _music("drums and heroic brass", 0.4, 0.8, "brass heroic fanfare"),
)

FURTHER_PROMPTS: tuple[Prompt, ...] = (
    _mood("cosy and warm", 0.7, -0.4, "warm home"),
    _mood("hopeful and uplifting", 0.7, 0.2, "hopeful"),
    _mood("dreamy and floating", 0.3, -0.6, "dream magical"),
    _mood("solemn and reverent", 0.1, -0.4, "solemn spiritual"),
    _mood("weary and listless", -0.3, -0.8, "minimal ambient"),
    _mood("grieving and mournful", -0.8, -0.4, "grief sad"),
    _mood("anxious and restless", -0.4, 0.6, "tension thriller"),
    _mood("frantic and chaotic", -0.3, 0.9, "action fast"),
    _genre("a travel film", 0.7, 0.3, "travel aerial landscape"),
    _genre("a music video", 0.5, 0.6, "dance modern party"),
    _genre("a meditation video", 0.6, -0.8, "calm ambient spiritual"),
    _genre("a western", 0.0, 0.2, "country history"),
    _genre("a slow art film", -0.1, -0.6, "art minimal"),
    _genre("a tragedy", -0.8, -0.2, "drama grief serious"),
    _genre("a film about the end of the world", -0.6, 0.2, "sci-fi dark"),
    _genre("a thriller", -0.4, 0.6, "thriller suspense"),
    _scene("a wedding or a family feast", 0.8, 0.4, "family happy romantic"),
    _scene("a concert or people dancing", 0.7, 0.7, "dance party"),
    _scene("a parade or marching soldiers", 0.2, 0.6, "parade military"),
    _scene("a road or a railway through the land", 0.4, 0.2, "travel road"),
    _scene("a quiet village at night", 0.3, -0.7, "village night"),
    _scene("a bedroom or someone asleep", 0.3, -0.8, "indoor intimate lullaby"),
    _scene("the deep sea under water", 0.0, -0.5, "underwater"),
    _scene("a desert", -0.1, -0.3, "landscape ambient"),
    _scene("an empty room", -0.3, -0.6, "indoor minimal"),
    _scene("an abandoned or ruined building", -0.5, -0.4, "abandoned ruin"),
    _scene("a funeral or a graveyard", -0.8, -0.5, "grief solemn"),
    _scene("a hospital or a sick person", -0.6, -0.2, "drama serious"),
    _scene("a dark corridor or a cellar", -0.6, 0.3, "dark suspense scary"),
    _scene("a prison or a barbed wire fence", -0.7, 0.1, "dark drama"),
    _scene("a battle or a fight", -0.6, 0.9, "battle war action"),
    _scene("a fire or an explosion", -0.5, 0.9, "action fear"),
    _scene("a crowd in panic", -0.8, 0.9, "fear tension action"),
    _music("a fiddle and a dance band", 0.8, 0.6, "folk dance"),
    _music("a marching band", 0.5, 0.6, "parade brass military"),
    _music("light woodwinds and plucked strings", 0.5, 0.2, "woodwind chamber quirky"),
    _music("soft ambient pads", 0.3, -0.7, "ambient calm"),
    _music("a church organ", -0.1, -0.2, "church sacred solemn"),
    _music("a solo cello lament", -0.6, -0.5, "strings grief"),
    _music("a low dark drone", -0.6, -0.3, "ambient dark eerie"),
    _music("dissonant strings and sudden blows", -0.7, 0.7, "horror scary suspense"),
    _music("relentless drums and distorted basses", -0.3, 0.9, "electronic action thriller"),
)

AESTHETIC_PROMPTS: tuple[Prompt, ...] = (
    _look("lighting", "bright and even high-key lighting", 0.6, 0.2),
    _look("lighting", "low-key lighting and deep shadows", -0.6, 0.0),
    _look("lighting", "soft diffuse light", 0.4, -0.5),
    _look("lighting", "hard light and strong contrast", -0.2, 0.5),
    _look("lighting", "golden light of a low sun", 0.6, -0.2),
    _look("lighting", "cold blue moonlight", -0.3, -0.4),
    _look("lighting", "coloured neon light", 0.1, 0.6),
    _look("lighting", "a silhouette against the light", -0.1, 0.0),
    _look("lighting", "flickering or flashing light", -0.3, 0.8),
    _look("composition", "a balanced, symmetrical composition", 0.4, -0.3),
    _look("composition", "the subject at one third of the frame", 0.2, 0.0),
    _look("composition", "a wide, empty frame with a small subject", -0.2, -0.6),
    _look("composition", "a crowded, cluttered frame", -0.3, 0.5),
    _look("composition", "a tilted, unstable frame", -0.4, 0.6),
    _look("composition", "leading lines and great depth", 0.3, 0.2),
    _look("composition", "a sharp subject before a blurred background", 0.3, -0.2),
    _look("composition", "a shaky, blurred camera", -0.4, 0.7),
    _look("colour", "vivid, saturated colours", 0.5, 0.6),
    _look("colour", "pale pastel colours", 0.5, -0.4),
    _look("colour", "muted, washed-out colours", -0.4, -0.4),
    _look("colour", "black and white", -0.2, -0.3),
    _look("colour", "warm red and orange colours", 0.3, 0.5),
    _look("colour", "cold blue and green colours", -0.2, -0.3),
    _look("colour", "few colours in harmony", 0.4, -0.2),
    _look("colour", "clashing, garish colours", -0.3, 0.6),
)

BANK: tuple[Prompt, ...] = PROMPTS + FURTHER_PROMPTS + AESTHETIC_PROMPTS
