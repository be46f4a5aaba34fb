"""The smallest agent there is: ``brim --agent echo_agent:EchoAgent``."""

from brim import AgentContext, AgentInterface, AgentResponse


class EchoAgent(AgentInterface):
    async def process(self, context: AgentContext) -> AgentResponse:
        turn = sum(message.role == "user" for message in context.conversation_history) + 1
        return AgentResponse(output=f"{turn}. You said: {context.input}")
