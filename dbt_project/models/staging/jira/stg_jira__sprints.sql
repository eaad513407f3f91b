with

source as (

    select * from {{ source('jira', 'sprints') }}

),

renamed as (

    select
        id as sprint_id,
        name,
        board_id,
        state,
        {{ utc('start_at') }} as started_at,
        {{ utc('end_at') }} as planned_end_at,
        {{ utc('complete_at') }} as completed_at

    from source

)

select * from renamed
