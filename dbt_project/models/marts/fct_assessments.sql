with

assessments as (

    select * from {{ ref('int_assessments_known') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

-- What fewer than five people said is theirs.
shown as (

    select
        *,
        case when respondents >= 5 or respondents is null then score end as shown_score,
        case when respondents >= 5 then respondents end as shown_respondents,
        row_number() over (
            partition by assessment, value_stream_key, dimension
            order by assessed_on desc
        ) as latest_no

    from assessments

),

final as (

    select
        shown.assessment_score_key,
        coalesce(value_streams.value_stream_key, 'unassigned') as value_stream_key,
        shown.value_stream_key as named_value_stream,
        shown.assessment,
        shown.dimension,
        shown.assessed_on,
        shown.shown_score as score,
        shown.best_score,
        shown.shown_score / shown.best_score as score_share,
        cast(shown.shown_respondents as bigint) as respondents,
        shown.latest_no = 1 as is_latest

    from shown

    left join value_streams
        on shown.value_stream_key = value_streams.value_stream_key

)

select * from final
