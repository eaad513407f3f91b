-- One row per assessment, dimension and day.
select
    value_stream_key as stream,
    assessment,
    dimension,
    assessed_on,
    score,
    best_score,
    score_share,
    respondents
from marts.fct_assessments
order by stream, assessment, dimension, assessed_on desc
