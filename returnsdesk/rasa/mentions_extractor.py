"""NLU component that marks what can be recognised by its form: order numbers, e-mail addresses, sizes and the like."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from returnsdesk.domain.mentions import find_mentions


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class MentionsExtractor(GraphComponent, EntityExtractorMixin):
    """Adds the mentions of `returnsdesk.domain.mentions` to a message's entities.

    Rasa's `RegexEntityExtractor` knows a regular expression only for entities that are annotated in the examples, and
    cannot normalise a value.
    """

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> MentionsExtractor:
        """The component; it has no settings and learns nothing."""
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities to each message, after those of other extractors."""
        for message in messages:
            found = [
                {
                    "entity": mention.kind,
                    "value": mention.value,
                    "start": mention.start,
                    "end": mention.end,
                    # Recognised by its form: there is nothing to be unsure about.
                    "confidence_entity": 1.0,
                }
                for mention in find_mentions(message.get(TEXT) or "")
            ]
            entities = message.get(ENTITIES, []) + self.add_extractor_name(found)
            message.set(ENTITIES, entities, add_to_output=True)
        return messages
