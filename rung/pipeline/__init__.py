"""The whole job, from a plan to an Analysis: what `rung.analyse` and the command line call."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Analysis": "analysis",
        "ImageAnalysis": "pictures",
        "PicturePlan": "picture_plan",
        "Plan": "plan",
        "analyse": "analysis",
        "rerun": "repeat",
    },
)
