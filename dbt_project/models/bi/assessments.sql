with

final as (

    select
        facts.assessment_score_key,
        streams.name as value_stream,
        facts.value_stream_key,
        facts.named_value_stream,
        facts.assessment,
        facts.dimension,
        facts.assessed_on,
        facts.score,
        facts.best_score,
        facts.score_share,
        facts.respondents,
        facts.is_latest

    from {{ ref('fct_assessments') }} as facts

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

)

select * from final
